/** Of a terminal that nobody made wider. */
const COLUMNS = 80;

/** `Examples:` at the end of a help text. Each line is a command as it can be typed. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}

/** The same behind an explanation, whose paragraphs are wrapped. Those that are indented stay as they are. */
export function explained(explanation: string, ...lines: string[]): string {
  const paragraphs = explanation.split('\n\n').map((text) => (text.startsWith('  ') ? text : wrap(text)));
  return `\n${paragraphs.join('\n\n')}\n${examples(...lines)}`;
}

function wrap(text: string): string {
  let wrapped = '';
  let width = 0;
  for (const word of text.split(/\s+/)) {
    const fits = width > 0 && width + 1 + word.length <= COLUMNS;
    wrapped += width === 0 ? word : fits ? ` ${word}` : `\n${word}`;
    width = fits ? width + 1 + word.length : word.length;
  }
  return wrapped;
}
