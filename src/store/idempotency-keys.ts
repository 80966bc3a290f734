import type { ExpressionBuilder } from 'kysely';
import type { JsonValue } from '../model/json.ts';
import type { Database, Tables } from './tables.ts';

/** The client's `Idempotency-Key`, in the namespace of the principal that sent it. */
export interface IdempotencyRef {
  readonly tenantId: string;
  readonly principalId: string;
  readonly key: string;
}

/** What an earlier request with the same key left behind. */
export interface IdempotencyRecord {
  /** Hash of the request that used the key first; another request must not reuse the key. */
  readonly requestHash: string;
  /** Null while that request is still being carried out. */
  readonly response: JsonValue;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/**
 * Claims a key for a request. Null: it was free and is now claimed; carry the request out, then call
 * `completeIdempotencyKey`, or `releaseIdempotencyKey` when it failed. Otherwise the earlier claim. Of several
 * simultaneous requests one gets the claim.
 */
export async function claimIdempotencyKey(
  db: Database,
  ref: IdempotencyRef,
  requestHash: string,
  now: number = Date.now(),
): Promise<IdempotencyRecord | null> {
  const claimed = await db
    .insertInto('idempotency_keys')
    .values({
      tenant_id: ref.tenantId,
      principal_id: ref.principalId,
      key: ref.key,
      request_hash: requestHash,
      response: null,
      created_at: now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('key')
    .executeTakeFirst();
  if (claimed) return null;
  const row = await db.selectFrom('idempotency_keys').selectAll().where(isKey(ref)).executeTakeFirst();
  // Released between the two queries: the key is free again.
  if (!row) return claimIdempotencyKey(db, ref, requestHash, now);
  return {
    requestHash: row.request_hash,
    response: row.response === null ? null : (JSON.parse(row.response) as JsonValue),
    createdAt: Number(row.created_at),
  };
}

/** Keeps the answer for repetitions of the request. It is stored in the clear: it must hold no secret. */
export async function completeIdempotencyKey(db: Database, ref: IdempotencyRef, response: JsonValue): Promise<void> {
  await db
    .updateTable('idempotency_keys')
    .set({ response: JSON.stringify(response) })
    .where(isKey(ref))
    .execute();
}

/** Frees a key whose request was not carried out. */
export async function releaseIdempotencyKey(db: Database, ref: IdempotencyRef): Promise<void> {
  await db.deleteFrom('idempotency_keys').where(isKey(ref)).where('response', 'is', null).execute();
}

/** Forgets keys claimed before the given time (milliseconds since the epoch), also those that were never completed. */
export async function deleteIdempotencyKeysBefore(db: Database, time: number): Promise<void> {
  await db.deleteFrom('idempotency_keys').where('created_at', '<', time).execute();
}

function isKey(ref: IdempotencyRef) {
  return (eb: ExpressionBuilder<Tables, 'idempotency_keys'>) =>
    eb.and({ tenant_id: ref.tenantId, principal_id: ref.principalId, key: ref.key });
}
