import type { Selectable } from 'kysely';
import type { Database, Tables } from './tables.ts';
import { transact } from './transact.ts';

/** The public part of a key that access tokens are signed with. The private part is in the vault, under its `kid`. */
export interface StoredSigningKey {
  readonly tenantId: string;
  readonly kid: string;
  readonly algorithm: string;
  readonly publicJwk: Readonly<Record<string, unknown>>;
  /** A tenant has at most one `next` and one `active` key. */
  readonly state: 'next' | 'active' | 'retired';
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly activatedAt: number | null;
  readonly retiredAt: number | null;
}

export interface SigningKeyRef {
  readonly tenantId: string;
  readonly kid: string;
}

export type NewSigningKey = Omit<StoredSigningKey, 'activatedAt' | 'retiredAt' | 'state'> & {
  readonly state: 'next' | 'active';
};

/** False, having added nothing, when the tenant has a key in this state: of several simultaneous calls one adds. */
export async function insertSigningKey(db: Database, key: NewSigningKey): Promise<boolean> {
  const added = await db
    .insertInto('signing_keys')
    .values({
      tenant_id: key.tenantId,
      kid: key.kid,
      algorithm: key.algorithm,
      public_jwk: JSON.stringify(key.publicJwk),
      state: key.state,
      created_at: key.createdAt,
      activated_at: key.state === 'active' ? key.createdAt : null,
      retired_at: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('kid')
    .executeTakeFirst();
  return added !== undefined;
}

/** In order of creation. There are few: one more per rotation, until it is removed. */
export async function listSigningKeys(db: Database, tenantId: string): Promise<StoredSigningKey[]> {
  const rows = await db
    .selectFrom('signing_keys')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .orderBy('created_at')
    .orderBy('kid')
    .execute();
  return rows.map(toSigningKey);
}

/**
 * Makes the `next` key the active one and retires that. False, having changed nothing, when it is not (any more) `next`:
 * of several simultaneous calls one succeeds.
 */
export async function activateSigningKey(db: Database, ref: SigningKeyRef, now: number = Date.now()): Promise<boolean> {
  return transact(db, async (trx) => {
    // A second call waits at this row. Asking for the next key in the same statement keeps it from retiring that one.
    await trx
      .updateTable('signing_keys')
      .set({ state: 'retired', retired_at: now })
      .where('tenant_id', '=', ref.tenantId)
      .where('state', '=', 'active')
      .where((eb) =>
        eb.exists(
          eb
            .selectFrom('signing_keys as candidate')
            .select('candidate.kid')
            .where('candidate.tenant_id', '=', ref.tenantId)
            .where('candidate.kid', '=', ref.kid)
            .where('candidate.state', '=', 'next'),
        ),
      )
      .execute();
    const activated = await trx
      .updateTable('signing_keys')
      .set({ state: 'active', activated_at: now })
      .where('tenant_id', '=', ref.tenantId)
      .where('kid', '=', ref.kid)
      .where('state', '=', 'next')
      .returning('kid')
      .executeTakeFirst();
    return activated !== undefined;
  });
}

/** False when there is no such key, or it is still in use. */
export async function deleteRetiredSigningKey(db: Database, ref: SigningKeyRef): Promise<boolean> {
  const removed = await db
    .deleteFrom('signing_keys')
    .where('tenant_id', '=', ref.tenantId)
    .where('kid', '=', ref.kid)
    .where('state', '=', 'retired')
    .returning('kid')
    .executeTakeFirst();
  return removed !== undefined;
}

function toSigningKey(row: Selectable<Tables['signing_keys']>): StoredSigningKey {
  return {
    tenantId: row.tenant_id,
    kid: row.kid,
    algorithm: row.algorithm,
    publicJwk: JSON.parse(row.public_jwk),
    state: row.state,
    createdAt: Number(row.created_at),
    activatedAt: row.activated_at === null ? null : Number(row.activated_at),
    retiredAt: row.retired_at === null ? null : Number(row.retired_at),
  };
}
