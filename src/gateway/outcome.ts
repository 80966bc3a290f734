import { createHash, type Hash, hash } from 'node:crypto';
import { isObject } from '../mcp/message.ts';
import type { JsonObject } from '../model/json.ts';

/** How a call ended, as the audit log records it. */
export interface Outcome {
  readonly outcome: 'ok' | 'tool_error' | 'error' | 'failed' | 'cancelled';
  readonly errorCode?: string;
  readonly bytes: number;
  /** Hex SHA-256 of the body as the client got it; absent when there was none. */
  readonly hash?: string;
  /** The response message, kept only where the upstream's audit rule asks for its content and it is not over the limit. */
  readonly response?: JsonObject;
}

/** A response beyond this is recorded by size and hash alone. */
const MAX_KEPT_BYTES = 64 * 1024;

export interface OutcomeMeter {
  /** Bytes that went to the client. */
  add(chunk: Buffer): void;
  /** A complete JSON-RPC message among them. */
  message(json: Buffer): void;
  /** True once the response, not only a notification, has been seen. */
  answered(): boolean;
  finish(failure?: { outcome: 'failed' | 'cancelled'; errorCode: string }): Outcome;
}

/** Follows one answer on its way to the client. The common case, a body in one chunk, is hashed in one call. */
export function createOutcomeMeter(keepContent: boolean): OutcomeMeter {
  let bytes = 0;
  let only: Buffer | undefined;
  let digest: Hash | undefined;
  let seen: Pick<Outcome, 'outcome' | 'errorCode'> | undefined;
  let response: JsonObject | undefined;
  return {
    add(chunk) {
      bytes += chunk.length;
      if (digest !== undefined) digest.update(chunk);
      else if (only === undefined) only = chunk;
      else digest = createHash('sha256').update(only).update(chunk);
    },
    message(json) {
      const found = classify(json);
      if (found === null) return;
      seen = found;
      if (keepContent && json.length <= MAX_KEPT_BYTES) response = JSON.parse(json.toString());
    },
    answered() {
      return seen !== undefined;
    },
    finish(failure) {
      const sha256 = digest?.digest('hex') ?? (only && hash('sha256', only, 'hex'));
      return {
        ...(seen ?? failure ?? { outcome: 'failed', errorCode: 'no_response' }),
        bytes,
        ...(sha256 !== undefined && { hash: sha256 }),
        ...(response !== undefined && { response }),
      };
    },
  };
}

/**
 * What a JSON-RPC message says about its request; null when it is no response. A member name inside a JSON string has
 * its quotes escaped, so a message without the bytes `"error"` and `"isError"` can be neither and is not parsed.
 */
function classify(json: Buffer): Pick<Outcome, 'outcome' | 'errorCode'> | null {
  if (!json.includes('"isError"') && !json.includes('"error"'))
    return json.includes('"result"') ? { outcome: 'ok' } : null;
  let message: unknown;
  try {
    message = JSON.parse(json.toString());
  } catch {
    return { outcome: 'failed', errorCode: 'upstream_invalid' };
  }
  if (!isObject(message) || 'method' in message) return null;
  if (isObject(message.error)) return { outcome: 'error', errorCode: String(message.error.code) };
  return { outcome: isObject(message.result) && message.result.isError === true ? 'tool_error' : 'ok' };
}
