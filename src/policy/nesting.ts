/** Cedar text that is bigger is refused; it would take seconds to validate. */
export const MAX_CEDAR_BYTES = 262_144;
/** 150 nested parentheses overflow the parser's stack and break the instance for good; 100 do not. */
export const MAX_NESTING = 64;

/**
 * How deep brackets and `if`s nest in a Cedar text, without parsing it. Strings and `//` comments are skipped as Cedar's
 * lexer skips them; an `if` counts until the end of its statement, so that a long chain of them counts too.
 */
export function deepestNesting(text: string): number {
  const tokens = /"(?:\\.|[^"\\])*\\?(?:"|$)|\/\/[^\n\r]*|[()[\]{};]|\bif\b/gsu;
  let open = 0;
  let ifs = 0;
  let deepest = 0;
  for (const [token] of text.matchAll(tokens)) {
    if (token === '(' || token === '[' || token === '{') open++;
    else if (token === ')' || token === ']' || token === '}') open = Math.max(0, open - 1);
    else if (token === 'if') ifs++;
    else if (token === ';') ifs = 0;
    deepest = Math.max(deepest, open + ifs);
  }
  return deepest;
}
