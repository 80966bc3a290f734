import { newId } from '../lib/ids.ts';
import type { Secret } from '../lib/secret.ts';
import type { Maker } from '../model/maker.ts';
import type { PrincipalKind } from '../model/principal.ts';
import { insertAccessKey, type StoredAccessKey } from '../store/access-keys.ts';
import type { Database } from '../store/database.ts';
import { mintAccessKey } from './access-key-format.ts';
import { checkKeyCidrs, checkKeyExpiry, checkKeyName, checkKeyTools } from './key-limits.ts';

export interface KeyRequest {
  readonly tenantId: string;
  readonly owner: { readonly kind: PrincipalKind; readonly id: string };
  readonly name: string;
  /** Milliseconds since the epoch; null: it does not expire. */
  readonly expiresAt: number | null;
  /** See AccessKey; empty when absent. Whether the roles exist is for the caller to check. */
  readonly cidrs?: readonly string[] | undefined;
  readonly tools?: readonly string[] | undefined;
  readonly roles?: readonly string[] | undefined;
  /** Absent: it is not known, which counts as somebody of no standing. */
  readonly maker?: Maker | null | undefined;
}

/** A key that was just made; `secret` is the key itself, which nobody can get a second time. */
export interface CreatedKey {
  readonly key: StoredAccessKey;
  readonly secret: Secret;
}

/**
 * Makes a key: personal for a user, service for a service account. Throws `not_found` when there is no such owner and
 * `unprocessable` for limits that make no sense.
 */
export async function createKey(db: Database, request: KeyRequest, now: number = Date.now()): Promise<CreatedKey> {
  checkKeyExpiry(request.expiresAt, now);
  const kind = request.owner.kind === 'user' ? 'personal' : 'service';
  const { secret, hash, hint } = mintAccessKey(kind);
  const key = await insertAccessKey(db, {
    tenantId: request.tenantId,
    id: newId('key', now),
    kind,
    name: checkKeyName(request.name),
    hint,
    hash,
    owner: request.owner,
    cidrs: checkKeyCidrs(request.cidrs ?? []),
    tools: checkKeyTools(request.tools ?? []),
    roles: [...new Set(request.roles ?? [])],
    createdAt: now,
    expiresAt: request.expiresAt,
    maker: request.maker,
  });
  return { key, secret };
}
