import type { Selectable } from 'kysely';
import type { SecretRef } from './secrets.ts';
import type { Database, Tables } from './tables.ts';

/** Tokens that have to be revoked at their provider. They are in the vault, and nobody else can use them any more. */
export interface ProviderRevocation {
  readonly tenantId: string;
  /** `rev_…` */
  readonly id: string;
  readonly upstream: string;
  /** Whose they were. */
  readonly owner: SecretRef['owner'];
  readonly issuer: string;
  readonly state: 'waiting' | 'done' | 'given_up';
  readonly attempts: number;
  /** Milliseconds since the epoch, here and below. */
  readonly nextAt: number;
  readonly lastError: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type NewProviderRevocation = Pick<
  ProviderRevocation,
  'tenantId' | 'id' | 'upstream' | 'owner' | 'issuer' | 'createdAt'
>;

export interface ProviderRevocationRef {
  readonly tenantId: string;
  readonly id: string;
}

/** One that is there already stays as it is. */
export async function insertProviderRevocation(db: Database, revocation: NewProviderRevocation): Promise<void> {
  await db
    .insertInto('provider_revocations')
    .values({
      tenant_id: revocation.tenantId,
      id: revocation.id,
      upstream: revocation.upstream,
      owner_kind: revocation.owner.kind,
      owner_id: revocation.owner.id,
      issuer: revocation.issuer,
      state: 'waiting',
      attempts: 0,
      next_at: revocation.createdAt,
      last_error: null,
      created_at: revocation.createdAt,
      updated_at: revocation.createdAt,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Those whose turn it is, the longest waiting first. */
export async function listDueRevocations(
  db: Database,
  { tenantId, now, limit }: { readonly tenantId: string; readonly now: number; readonly limit: number },
): Promise<ProviderRevocation[]> {
  const rows = await db
    .selectFrom('provider_revocations')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('state', '=', 'waiting')
    .where('next_at', '<=', now)
    .orderBy('next_at')
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(toProviderRevocation);
}

/** Makes it the turn of all that waits of one owner at one provider. */
export async function expediteRevocations(
  db: Database,
  { tenantId, issuer, owner }: Pick<ProviderRevocation, 'tenantId' | 'issuer' | 'owner'>,
  now: number,
): Promise<void> {
  await db
    .updateTable('provider_revocations')
    .set({ next_at: now, updated_at: now })
    .where('tenant_id', '=', tenantId)
    .where('issuer', '=', issuer)
    .where('owner_kind', '=', owner.kind)
    .where('owner_id', '=', owner.id)
    .where('state', '=', 'waiting')
    .where('next_at', '>', now)
    .execute();
}

/** Counts an attempt and puts the next one off. Null when another process was faster. */
export async function claimRevocation(
  db: Database,
  { tenantId, id, attempts }: ProviderRevocationRef & { readonly attempts: number },
  { nextAt, now }: { readonly nextAt: number; readonly now: number },
): Promise<ProviderRevocation | null> {
  const row = await db
    .updateTable('provider_revocations')
    .set({ attempts: attempts + 1, next_at: nextAt, updated_at: now })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('state', '=', 'waiting')
    .where('attempts', '=', attempts)
    .returningAll()
    .executeTakeFirst();
  return row ? toProviderRevocation(row) : null;
}

/** What came of an attempt. */
export async function settleRevocation(
  db: Database,
  ref: ProviderRevocationRef,
  result: Pick<ProviderRevocation, 'state' | 'lastError' | 'nextAt'>,
  now: number,
): Promise<void> {
  await db
    .updateTable('provider_revocations')
    .set({ state: result.state, last_error: result.lastError, next_at: result.nextAt, updated_at: now })
    .where('tenant_id', '=', ref.tenantId)
    .where('id', '=', ref.id)
    .execute();
}

/** What was disconnected since then, in any process. */
export async function listRevocationsSince(
  db: Database,
  { tenantId, since }: { readonly tenantId: string; readonly since: number },
): Promise<Pick<ProviderRevocation, 'upstream' | 'owner' | 'createdAt'>[]> {
  const rows = await db
    .selectFrom('provider_revocations')
    .select(['upstream', 'owner_kind', 'owner_id', 'created_at'])
    .where('tenant_id', '=', tenantId)
    .where('created_at', '>=', since)
    .execute();
  return rows.map((row) => ({
    upstream: row.upstream,
    owner: { kind: row.owner_kind, id: row.owner_id },
    createdAt: Number(row.created_at),
  }));
}

export async function countWaitingRevocations(db: Database, tenantId: string): Promise<number> {
  const row = await db
    .selectFrom('provider_revocations')
    .select((eb) => eb.fn.countAll<number | string>().as('count'))
    .where('tenant_id', '=', tenantId)
    .where('state', '=', 'waiting')
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Forgets those of every tenant that ended before then. */
export async function deleteSettledRevocations(db: Database, before: number): Promise<void> {
  await db
    .deleteFrom('provider_revocations')
    .where('state', '!=', 'waiting')
    .where('updated_at', '<', before)
    .execute();
}

function toProviderRevocation(row: Selectable<Tables['provider_revocations']>): ProviderRevocation {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    upstream: row.upstream,
    owner: { kind: row.owner_kind, id: row.owner_id },
    issuer: row.issuer,
    state: row.state,
    attempts: row.attempts,
    nextAt: Number(row.next_at),
    lastError: row.last_error,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}
