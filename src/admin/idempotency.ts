import { AppError } from '../errors/app-error.ts';
import { lengthPrefixed } from '../lib/length-prefixed.ts';
import { sha256Hex } from '../lib/sha256.ts';
import type { JsonObject } from '../model/json.ts';
import type { Caller } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import {
  claimIdempotencyKey,
  completeIdempotencyKey,
  deleteIdempotencyKeysBefore,
  releaseIdempotencyKey,
} from '../store/idempotency-keys.ts';
import type { Answer } from './routes.ts';

/** A repetition after this is a new request. */
const KEPT_MS = 24 * 60 * 60 * 1000;
const SWEEP_EVERY_MS = 60 * 60 * 1000;

const KEY = /^[\x21-\x7e]{1,255}$/;

export interface RepeatableRequest {
  readonly caller: Caller;
  /** The `Idempotency-Key` header. */
  readonly key: string;
  /** What makes it the same request: method, target and hash of the body. */
  readonly method: string;
  readonly url: string;
  readonly bodyHash: string;
}

/** Lets each request with an `Idempotency-Key` act once, and gives repetitions within a day the first answer. */
export type Idempotency = ReturnType<typeof createIdempotency>;

/**
 * Keys belong to the principal. Only a success is kept, so that what failed can be tried again with the same key. When the
 * process died between the act and keeping the answer, whether it acted is not known: the key then stays taken, and the
 * client is told to look.
 */
export function createIdempotency(db: Database) {
  let sweptAt = 0;

  async function sweep(now: number): Promise<void> {
    if (now - sweptAt < SWEEP_EVERY_MS) return;
    sweptAt = now;
    await deleteIdempotencyKeysBefore(db, now - KEPT_MS);
  }

  return async function once(
    request: RepeatableRequest,
    act: () => Promise<Answer>,
  ): Promise<Answer & { replayed?: true }> {
    const { caller, key, method, url, bodyHash } = request;
    if (!KEY.test(key)) {
      throw new AppError('bad_request', '`Idempotency-Key` has 1 to 255 visible ASCII characters, such as a UUID.');
    }
    const now = Date.now();
    await sweep(now);
    const ref = { tenantId: caller.tenantId, principalId: caller.principal.id, key };
    const requestHash = sha256Hex(lengthPrefixed([method, url, bodyHash]));
    const earlier = await claimIdempotencyKey(db, ref, requestHash, now);
    if (earlier !== null) {
      if (earlier.requestHash !== requestHash) {
        throw new AppError(
          'unprocessable',
          'This `Idempotency-Key` was used for another request. Use a new one for each thing that you create.',
        );
      }
      if (earlier.response === null) {
        throw new AppError(
          'conflict',
          'The first request with this `Idempotency-Key` is not finished. If it never answers, look whether it was carried out before you try with a new key.',
        );
      }
      return { ...(earlier.response as unknown as Answer), replayed: true };
    }
    let answer: Answer;
    try {
      answer = await act();
    } catch (error) {
      await releaseIdempotencyKey(db, ref);
      throw error;
    }
    const { status, etag, body, replayBody } = answer;
    const kept = { status, etag, body: replayBody === undefined ? body : replayBody } as JsonObject;
    await completeIdempotencyKey(db, ref, kept);
    return answer;
  };
}
