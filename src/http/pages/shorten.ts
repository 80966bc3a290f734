/**
 * Text that somebody else chose, fit to be shown: one line of at most `max` characters, as people count them. What is left
 * out becomes `…`: the end, or for hosts the beginning, since the end of a host says whose it is.
 */
export function shorten(text: string, max: number, cut: 'end' | 'beginning' = 'end'): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  if (line.length <= max) return line;
  // Nobody segments a megabyte for this; a letter with its accents has a few code units.
  const part = cut === 'end' ? line.slice(0, max * 8) : line.slice(-max * 8);
  const characters = [...segmenter.segment(part)].map(({ segment }) => segment);
  if (characters.length <= max && part.length === line.length) return line;
  return cut === 'end' ? `${characters.slice(0, max - 1).join('')}…` : `…${characters.slice(1 - max).join('')}`;
}

const segmenter = new Intl.Segmenter('en');
