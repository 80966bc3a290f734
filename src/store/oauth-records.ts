import type { ExpressionBuilder, Selectable } from 'kysely';
import type { Database, Tables } from './tables.ts';

/** A short-lived record of the authorization server: a code, a refresh token, an interaction, a session. */
export interface OauthRecord {
  readonly tenantId: string;
  /** Name of the model, such as `AuthorizationCode`. */
  readonly kind: string;
  /** Hex SHA-256 of the id. */
  readonly idHash: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly grantId: string | null;
  readonly userCodeHash: string | null;
  /** Milliseconds since the epoch, here and below. */
  readonly consumedAt: number | null;
  readonly expiresAt: number | null;
}

export interface OauthRecordRef {
  readonly tenantId: string;
  readonly kind: string;
  readonly idHash: string;
}

type NewOauthRecord = Omit<OauthRecord, 'consumedAt'>;

/** Adds the record or replaces what is there; a record that was consumed stays so. */
export async function putOauthRecord(db: Database, record: NewOauthRecord): Promise<void> {
  const { tenant_id, kind, id_hash, ...changing } = toRow(record);
  await db
    .insertInto('oauth_records')
    .values({ tenant_id, kind, id_hash, ...changing, consumed_at: null })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'kind', 'id_hash']).doUpdateSet(changing))
    .execute();
}

/** Adds the record; false when there is one with this id already. Of several simultaneous calls one adds it. */
export async function insertOauthRecord(db: Database, record: NewOauthRecord): Promise<boolean> {
  const added = await db
    .insertInto('oauth_records')
    .values({ ...toRow(record), consumed_at: null })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'kind', 'id_hash']).doNothing())
    .returning('id_hash')
    .executeTakeFirst();
  return added !== undefined;
}

export async function findOauthRecord(db: Database, ref: OauthRecordRef): Promise<OauthRecord | null> {
  const row = await db.selectFrom('oauth_records').selectAll().where(isRecord(ref)).executeTakeFirst();
  return row ? toOauthRecord(row) : null;
}

/** By the code that a person enters, which a device code has beside its id. */
export async function findOauthRecordByUserCode(
  db: Database,
  { tenantId, kind, userCodeHash }: { readonly tenantId: string; readonly kind: string; readonly userCodeHash: string },
): Promise<OauthRecord | null> {
  const row = await db
    .selectFrom('oauth_records')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('kind', '=', kind)
    .where('user_code_hash', '=', userCodeHash)
    .executeTakeFirst();
  return row ? toOauthRecord(row) : null;
}

/** Marks it as used. False when it was used before or is gone: of several simultaneous calls one gets true. */
export async function consumeOauthRecord(db: Database, ref: OauthRecordRef, now: number): Promise<boolean> {
  const consumed = await db
    .updateTable('oauth_records')
    .set({ consumed_at: now })
    .where(isRecord(ref))
    .where('consumed_at', 'is', null)
    .returning('id_hash')
    .executeTakeFirst();
  return consumed !== undefined;
}

/** False when there was none. */
export async function deleteOauthRecord(db: Database, ref: OauthRecordRef): Promise<boolean> {
  const removed = await db.deleteFrom('oauth_records').where(isRecord(ref)).returning('id_hash').executeTakeFirst();
  return removed !== undefined;
}

/** What belongs to a grant: of one kind, or all of it. */
export async function deleteOauthRecordsOfGrant(
  db: Database,
  { tenantId, grantId, kind }: { readonly tenantId: string; readonly grantId: string; readonly kind?: string },
): Promise<void> {
  await db
    .deleteFrom('oauth_records')
    .where('tenant_id', '=', tenantId)
    .where('grant_id', '=', grantId)
    .$if(kind !== undefined, (query) => query.where('kind', '=', kind!))
    .execute();
}

/** Those of every tenant that expired before `now`. */
export async function deleteExpiredOauthRecords(db: Database, now: number): Promise<void> {
  await db.deleteFrom('oauth_records').where('expires_at', '<', now).execute();
}

function isRecord(ref: OauthRecordRef) {
  return (eb: ExpressionBuilder<Tables, 'oauth_records'>) =>
    eb.and({ tenant_id: ref.tenantId, kind: ref.kind, id_hash: ref.idHash });
}

function toRow(record: NewOauthRecord) {
  return {
    tenant_id: record.tenantId,
    kind: record.kind,
    id_hash: record.idHash,
    payload: JSON.stringify(record.payload),
    grant_id: record.grantId,
    user_code_hash: record.userCodeHash,
    expires_at: record.expiresAt,
  };
}

function toOauthRecord(row: Selectable<Tables['oauth_records']>): OauthRecord {
  return {
    tenantId: row.tenant_id,
    kind: row.kind,
    idHash: row.id_hash,
    payload: JSON.parse(row.payload),
    grantId: row.grant_id,
    userCodeHash: row.user_code_hash,
    consumedAt: row.consumed_at === null ? null : Number(row.consumed_at),
    expiresAt: row.expires_at === null ? null : Number(row.expires_at),
  };
}
