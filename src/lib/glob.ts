/**
 * Compiles a glob whose only wildcard is `*` (any run of characters, also none, also `/` and line breaks); the whole text
 * must match, case matters. Every other character stands for itself.
 *
 * Each literal piece is looked for once, leftmost first, and nothing is ever retried: a later position for an earlier
 * piece can never help. So the time is linear in the text for a given pattern, whatever the text is (CVE-2026-0621 was a
 * pattern that became a backtracking regular expression).
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const pieces = pattern.split('*');
  const first = pieces[0]!;
  if (pieces.length === 1) return (text) => text === pattern;
  const last = pieces[pieces.length - 1]!;
  const middle = pieces.slice(1, -1).filter((piece) => piece !== '');
  const shortest = first.length + last.length;
  if (middle.length === 0) {
    if (shortest === 0) return () => true;
    return (text) => text.length >= shortest && text.startsWith(first) && text.endsWith(last);
  }
  return (text) => {
    if (text.length < shortest || !text.startsWith(first) || !text.endsWith(last)) return false;
    const end = text.length - last.length;
    let from = first.length;
    for (const piece of middle) {
      const at = text.indexOf(piece, from);
      if (at < 0) return false;
      from = at + piece.length;
      if (from > end) return false;
    }
    return true;
  };
}
