import { isObject } from '../mcp/message.ts';

export type AnswerKind =
  | { readonly outcome: 'ok' | 'tool_error' }
  | { readonly outcome: 'error'; readonly errorCode: string };

/** An upstream that sends a byte at a time would make the borders between the parts more work than the parts. */
const MAX_PARTS = 64;

/**
 * What a JSON-RPC message says about its request; null when it is no response. A member name inside a JSON string has
 * its quotes escaped, so a message without the bytes `"error"` and `"isError"` can be neither and is not parsed: of such a
 * one only its two ends are known to be right.
 *
 * @param parts the message as it came: joining the parts of a large one only for this took more than all the rest of it.
 */
export function classifyAnswer(parts: readonly Buffer[]): AnswerKind | 'invalid' | null {
  const chunks = parts.length > MAX_PARTS ? [Buffer.concat(parts)] : parts;
  if (!isFramed(chunks)) return 'invalid';
  // Both end alike, so they are looked for in one pass.
  if (!includes(chunks, ERROR)) {
    if (includes(chunks, RESULT)) return { outcome: 'ok' };
    if (includes(chunks, METHOD)) return null;
  }
  let message: unknown;
  try {
    message = JSON.parse((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString());
  } catch {
    return 'invalid';
  }
  if (!isObject(message) || 'method' in message) return null;
  if (isObject(message.error)) return { outcome: 'error', errorCode: String(message.error.code) };
  if (message.result === undefined) return 'invalid';
  return { outcome: isObject(message.result) && message.result.isError === true ? 'tool_error' : 'ok' };
}

const ERROR = Buffer.from('rror"');
const RESULT = Buffer.from('"result"');
const METHOD = Buffer.from('"method"');

function includes(chunks: readonly Buffer[], text: Buffer): boolean {
  const overlap = text.length - 1;
  /** The end of what came before, in which the text may have begun. */
  let before: Buffer | undefined;
  for (const chunk of chunks) {
    if (chunk.includes(text)) return true;
    if (before !== undefined && Buffer.concat([before, chunk.subarray(0, overlap)]).includes(text)) return true;
    before =
      before === undefined || chunk.length >= overlap
        ? chunk.subarray(-overlap)
        : Buffer.concat([before, chunk]).subarray(-overlap);
  }
  return false;
}

/** Begins and ends as a JSON object, or as a batch of them (2025-03-26): what was cut off, and what is no JSON, does not. */
function isFramed(chunks: readonly Buffer[]): boolean {
  const first = firstByte(chunks);
  const last = lastByte(chunks);
  return (first === 0x7b && last === 0x7d) || (first === 0x5b && last === 0x5d);
}

function firstByte(chunks: readonly Buffer[]): number | undefined {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at++) if (!isBlank(chunk[at]!)) return chunk[at];
  }
  return undefined;
}

function lastByte(chunks: readonly Buffer[]): number | undefined {
  for (let i = chunks.length - 1; i >= 0; i--) {
    const chunk = chunks[i]!;
    for (let at = chunk.length - 1; at >= 0; at--) if (!isBlank(chunk[at]!)) return chunk[at];
  }
  return undefined;
}

/** RFC 8259 §2. */
const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
