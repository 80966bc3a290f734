import type { Database } from './tables.ts';

/** Something that may be used once: an assertion (RFC 7523 §3), by its issuer and `jti`. */
export interface UsedTokenId {
  readonly tenantId: string;
  readonly issuer: string;
  /** Hex SHA-256 of the id. */
  readonly idHash: string;
  /** Until when it could be used at all, in milliseconds since the epoch; later nothing needs to be remembered. */
  readonly expiresAt: number;
}

/** False when it was used before: of several simultaneous calls, also of several processes, one gets true. */
export async function useTokenId(db: Database, used: UsedTokenId): Promise<boolean> {
  const added = await db
    .insertInto('used_token_ids')
    .values({
      tenant_id: used.tenantId,
      issuer: used.issuer,
      id_hash: used.idHash,
      expires_at: used.expiresAt,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id_hash')
    .executeTakeFirst();
  return added !== undefined;
}

/** Forgets, in every tenant, what could not be used any more at the given time. */
export async function deleteUsedTokenIdsBefore(db: Database, time: number): Promise<void> {
  await db.deleteFrom('used_token_ids').where('expires_at', '<', time).execute();
}
