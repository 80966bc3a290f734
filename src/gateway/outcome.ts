import { createHash, type Hash, hash } from 'node:crypto';
import type { JsonObject } from '../model/json.ts';
import { type AnswerKind, classifyAnswer } from './classify-answer.ts';

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
  /** What was added has not gone out after all. */
  forget(): void;
  /** A complete JSON-RPC message of the upstream, in one or several parts. False for one that is visibly none. */
  message(json: Buffer | readonly Buffer[]): boolean;
  /** True once the response, not only a notification, has been seen. */
  answered(): boolean;
  finish(failure?: { outcome: 'failed' | 'cancelled'; errorCode: string }): Outcome;
}

/** Follows one answer on its way to the client. The common case, a body in one chunk, is hashed in one call. */
export function createOutcomeMeter(keepContent: boolean): OutcomeMeter {
  let bytes = 0;
  let only: Buffer | undefined;
  let digest: Hash | undefined;
  let seen: AnswerKind | undefined;
  let response: JsonObject | undefined;
  return {
    add(chunk) {
      bytes += chunk.length;
      if (digest !== undefined) digest.update(chunk);
      else if (only === undefined) only = chunk;
      else digest = createHash('sha256').update(only).update(chunk);
    },
    forget() {
      bytes = 0;
      only = undefined;
      digest = undefined;
    },
    message(json) {
      const chunks = Buffer.isBuffer(json) ? [json] : json;
      const found = classifyAnswer(chunks);
      if (found === null) return true;
      if (found === 'invalid') return false;
      seen = found;
      if (keepContent && chunks.reduce((sum, { length }) => sum + length, 0) <= MAX_KEPT_BYTES) {
        response = JSON.parse(Buffer.concat(chunks).toString());
      }
      return true;
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
