import { AppError } from '../errors/app-error.ts';
import type { Maker } from '../model/maker.ts';
import { type AccessKeyRef, findAccessKey, type StoredAccessKey, setKeySuccessor } from '../store/access-keys.ts';
import type { Database } from '../store/database.ts';
import { transact } from '../store/transact.ts';
import { type CreatedKey, createKey } from './create-key.ts';
import type { KeyVerifier } from './key-verifier.ts';

const MAX_OVERLAP_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * Replaces a key by a new one with the same name, owner and limits. Both work for `overlapMs` (0 to 30 days), then the old
 * one ends, or earlier if it would have ended earlier. The new one lives as long as the old one was meant to, counted
 * from now, unless `expiresAt` says otherwise.
 *
 * Throws `not_found`, `conflict` when it was rotated already, `unprocessable` when it is revoked or expired: a key that
 * is dead must not bring forth a living one.
 */
export async function rotateKey(
  { db, verifier }: { readonly db: Database; readonly verifier: Pick<KeyVerifier, 'invalidateKey'> },
  ref: AccessKeyRef,
  {
    overlapMs,
    expiresAt,
    maker,
  }: {
    readonly overlapMs: number;
    readonly expiresAt?: number | null | undefined;
    readonly maker?: Maker | null | undefined;
  },
  now: number = Date.now(),
): Promise<CreatedKey & { readonly rotated: StoredAccessKey }> {
  if (!Number.isSafeInteger(overlapMs) || overlapMs < 0 || overlapMs > MAX_OVERLAP_MS) {
    throw new AppError('unprocessable', 'The overlap is 0 to 30 days.');
  }
  const result = await transact(db, async (trx) => {
    const old = await findAccessKey(trx, ref);
    if (!old) throw new AppError('not_found', 'There is no such key.');
    if (old.revokedAt !== null) throw new AppError('unprocessable', 'The key is revoked. Create a new one instead.');
    if (old.successorId !== null) {
      throw new AppError('conflict', `The key was rotated already; ${old.successorId} replaces it.`);
    }
    if (old.expiresAt !== null && old.expiresAt <= now) {
      throw new AppError('unprocessable', 'The key is expired. Create a new one instead.');
    }
    const lifetime = old.expiresAt === null ? null : now + (old.expiresAt - old.createdAt);
    const { tenantId, owner, name, cidrs, tools, roles } = old;
    const request = { tenantId, owner, name, cidrs, tools, roles, maker };
    const created = await createKey(
      trx,
      { ...request, expiresAt: expiresAt === undefined ? lifetime : expiresAt },
      now,
    );
    const end = Math.min(now + overlapMs, old.expiresAt ?? Number.POSITIVE_INFINITY);
    const rotated = await setKeySuccessor(trx, ref, { successorId: created.key.id, expiresAt: end });
    if (!rotated) throw new AppError('conflict', 'The key was changed at the same time. Read it again.');
    return { ...created, rotated };
  });
  verifier.invalidateKey(ref.id);
  return result;
}
