/** A number that is printed again as it was written: not in the type declarations of every version of TypeScript yet. */
interface ExactJson {
  parse(
    text: string,
    reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
}
const { parse, rawJSON } = JSON as unknown as ExactJson;

/** Whether some number may be one that a double, printed again, would change: long, with a fraction or exponent, or −0. */
const DELICATE = /\d{16}|\d[.eE]|-0/;

/**
 * Parses JSON that is printed again later. Numbers that JavaScript would change (beyond 2^53, more digits than a double has,
 * 1e400) stay as they are written: they become raw JSON, which JSON.stringify prints and which is no number to compute with.
 */
export function parseExactJson(text: string): unknown {
  if (!DELICATE.test(text)) return JSON.parse(text);
  return parse(text, (_name, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value,
  );
}
