import type { Span } from '../../mcp/json-structure.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Where the value of one member of an object stands, or undefined when the object has no such member written without
 * escapes. `object` must be the span of an object in valid JSON.
 */
export function memberSpan(bytes: Buffer, object: Span, name: string): Span | undefined {
  let depth = 0;
  let found = -1;
  let lastByte = 0;
  for (let i = object[0]; i < object[1]; i++) {
    const byte = bytes[i]!;
    if (byte <= 0x20) continue;
    if (byte === 0x7b || byte === 0x5b) {
      depth++;
    } else if (byte === 0x7d || byte === 0x5d || byte === 0x2c) {
      if (found >= 0 && depth === 1) return [found, lastByte + 1];
      if (byte !== 0x2c) depth--;
    } else if (byte === QUOTE) {
      const close = closingQuote(bytes, i);
      if (depth === 1 && found < 0 && bytes.toString('utf8', i + 1, close) === name) {
        const value = afterColon(bytes, close + 1);
        if (value !== undefined) {
          found = value;
          i = value - 1;
          continue;
        }
      }
      i = close;
    }
    lastByte = i;
  }
  return undefined;
}

function closingQuote(bytes: Buffer, open: number): number {
  let i = open + 1;
  while (bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}

/** The start of the value when a colon follows, that is, when the string was a member name. */
function afterColon(bytes: Buffer, from: number): number | undefined {
  let i = from;
  while (bytes[i]! <= 0x20) i++;
  if (bytes[i] !== 0x3a) return undefined;
  i++;
  while (bytes[i]! <= 0x20) i++;
  return i;
}
