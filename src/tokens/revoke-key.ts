import { AppError } from '../errors/app-error.ts';
import { type AccessKeyRef, markKeyRevoked, type StoredAccessKey } from '../store/access-keys.ts';
import type { Database } from '../store/database.ts';
import type { KeyVerifier } from './key-verifier.ts';

/**
 * Ends a key for good: once this resolves, the next request with it is refused, and its open streams are being ended. A
 * successor stays valid. Throws `not_found`; revoking twice is no error and keeps the first time.
 */
export async function revokeKey(
  { db, verifier }: { readonly db: Database; readonly verifier: Pick<KeyVerifier, 'revokeKey'> },
  ref: AccessKeyRef,
  now: number = Date.now(),
): Promise<StoredAccessKey> {
  const revoked = await markKeyRevoked(db, ref, now);
  if (!revoked) throw new AppError('not_found', 'There is no such key.');
  verifier.revokeKey(ref.id);
  return revoked;
}
