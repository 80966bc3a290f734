import type { ExpressionBuilder, Selectable, Updateable } from 'kysely';
import type { ConnectionState } from './connection-tables.ts';
import { type Page, type PageRequest, toPage } from './page.ts';
import type { SecretRef } from './secrets.ts';
import type { Database, Tables } from './tables.ts';

export type { ConnectionState };

/** The tokens that one owner has at one upstream, without the tokens: they are in the vault. */
export interface UpstreamConnection {
  readonly tenantId: string;
  readonly upstream: string;
  readonly owner: SecretRef['owner'];
  /** `con_…`; stays when somebody connects anew. */
  readonly id: string;
  /** `cgr_…`; another one each time that somebody connects. */
  readonly grantId: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly state: ConnectionState;
  readonly scopes: readonly string[];
  /** What a call lacked. */
  readonly wantedScopes: readonly string[];
  readonly account: string | null;
  /** Version of the vault entry with the tokens. */
  readonly generation: number;
  readonly failures: number;
  /** Milliseconds since the epoch, here and below. */
  readonly expiresAt: number | null;
  readonly refreshExpiresAt: number | null;
  readonly refreshedAt: number | null;
  readonly refreshDueAt: number | null;
  readonly retryAt: number | null;
  readonly lastError: string | null;
  readonly lastErrorAt: number | null;
  readonly lastUsedAt: number | null;
  readonly lastUsedBy: string | null;
  readonly leaseBy: string | null;
  readonly leaseUntil: number | null;
  readonly warnedAt: number | null;
  readonly connectedAt: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface UpstreamConnectionRef {
  readonly tenantId: string;
  readonly upstream: string;
  readonly owner: SecretRef['owner'];
}

/** What is written when somebody has connected. */
export type NewUpstreamConnection = Pick<
  UpstreamConnection,
  | 'tenantId'
  | 'upstream'
  | 'owner'
  | 'id'
  | 'grantId'
  | 'issuer'
  | 'clientId'
  | 'scopes'
  | 'account'
  | 'generation'
  | 'expiresAt'
  | 'refreshExpiresAt'
  | 'refreshDueAt'
>;

/** What changes while it lasts. */
export type ConnectionPatch = Partial<
  Pick<
    UpstreamConnection,
    | 'state'
    | 'clientId'
    | 'scopes'
    | 'wantedScopes'
    | 'account'
    | 'generation'
    | 'failures'
    | 'expiresAt'
    | 'refreshExpiresAt'
    | 'refreshedAt'
    | 'refreshDueAt'
    | 'retryAt'
    | 'lastError'
    | 'lastErrorAt'
    | 'warnedAt'
  >
>;

/** Stores that somebody has connected, whether they were connected before or not. One that is `ending` is not touched: null. */
export async function putConnection(
  db: Database,
  connection: NewUpstreamConnection,
  now: number,
): Promise<UpstreamConnection | null> {
  const fresh = {
    grant_id: connection.grantId,
    issuer: connection.issuer,
    client_id: connection.clientId,
    state: 'connected',
    scopes: connection.scopes.join(' '),
    wanted_scopes: null,
    account: connection.account,
    generation: connection.generation,
    failures: 0,
    expires_at: connection.expiresAt,
    refresh_expires_at: connection.refreshExpiresAt,
    refreshed_at: now,
    refresh_due_at: connection.refreshDueAt,
    retry_at: null,
    last_error: null,
    last_error_at: null,
    lease_by: null,
    lease_until: null,
    warned_at: null,
    connected_at: now,
    updated_at: now,
  } as const;
  const row = await db
    .insertInto('upstream_connections')
    .values({
      tenant_id: connection.tenantId,
      upstream: connection.upstream,
      owner_kind: connection.owner.kind,
      owner_id: connection.owner.id,
      id: connection.id,
      last_used_at: null,
      last_used_by: null,
      created_at: now,
      ...fresh,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'upstream', 'owner_kind', 'owner_id'])
        .doUpdateSet(fresh)
        .where('upstream_connections.state', '!=', 'ending'),
    )
    .returningAll()
    .executeTakeFirst();
  return row ? toConnection(row) : null;
}

export async function findConnection(db: Database, ref: UpstreamConnectionRef): Promise<UpstreamConnection | null> {
  const row = await db.selectFrom('upstream_connections').selectAll().where(isConnection(ref)).executeTakeFirst();
  return row ? toConnection(row) : null;
}

/** Null when it is gone, ending, or was connected anew since. */
export async function patchConnection(
  db: Database,
  ref: UpstreamConnectionRef & { readonly grantId: string },
  patch: ConnectionPatch,
  now: number,
): Promise<UpstreamConnection | null> {
  const row = await db
    .updateTable('upstream_connections')
    .set({ ...toPatchRow(patch), updated_at: now })
    .where(isConnection(ref))
    .where('grant_id', '=', ref.grantId)
    .where('state', '!=', 'ending')
    .returningAll()
    .executeTakeFirst();
  return row ? toConnection(row) : null;
}

/** All, those at an upstream, those of an owner, or both, in order of id; those that are ending are not there any more. */
export async function listConnections(
  db: Database,
  page: PageRequest & { readonly upstream?: string | undefined; readonly owner?: SecretRef['owner'] | undefined },
): Promise<Page<UpstreamConnection>> {
  const { upstream, owner } = page;
  const rows = await db
    .selectFrom('upstream_connections')
    .selectAll()
    .where('tenant_id', '=', page.tenantId)
    .where('id', '>', page.after ?? '')
    .where('state', '!=', 'ending')
    .$if(upstream !== undefined, (query) => query.where('upstream', '=', upstream!))
    .$if(owner !== undefined, (query) => query.where('owner_kind', '=', owner!.kind).where('owner_id', '=', owner!.id))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toConnection, (connection) => connection.id);
}

/** What changed since then, by whatever process. Uses are no change. */
export async function listConnectionsChangedSince(
  db: Database,
  { tenantId, since }: { readonly tenantId: string; readonly since: number },
): Promise<UpstreamConnection[]> {
  const rows = await db
    .selectFrom('upstream_connections')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('updated_at', '>=', since)
    .execute();
  return rows.map(toConnection);
}

export interface ConnectionCount {
  readonly upstream: string;
  readonly state: ConnectionState;
  readonly count: number;
}

/** How many there are at each upstream in each state. */
export async function countConnections(db: Database, tenantId: string): Promise<ConnectionCount[]> {
  const rows = await db
    .selectFrom('upstream_connections')
    .select((eb) => ['upstream', 'state', eb.fn.countAll<number | string>().as('count')])
    .where('tenant_id', '=', tenantId)
    .groupBy(['upstream', 'state'])
    .execute();
  return rows.map(({ upstream, state, count }) => ({ upstream, state, count: Number(count) }));
}

export function isConnection(ref: UpstreamConnectionRef) {
  return (eb: ExpressionBuilder<Tables, 'upstream_connections'>) =>
    eb.and({
      tenant_id: ref.tenantId,
      upstream: ref.upstream,
      owner_kind: ref.owner.kind,
      owner_id: ref.owner.id,
    });
}

const COLUMNS = {
  state: 'state',
  clientId: 'client_id',
  account: 'account',
  generation: 'generation',
  failures: 'failures',
  expiresAt: 'expires_at',
  refreshExpiresAt: 'refresh_expires_at',
  refreshedAt: 'refreshed_at',
  refreshDueAt: 'refresh_due_at',
  retryAt: 'retry_at',
  lastError: 'last_error',
  lastErrorAt: 'last_error_at',
  warnedAt: 'warned_at',
} as const satisfies Record<Exclude<keyof ConnectionPatch, 'scopes' | 'wantedScopes'>, string>;

export function toPatchRow({
  scopes,
  wantedScopes,
  ...plain
}: ConnectionPatch): Updateable<Tables['upstream_connections']> {
  const entries = Object.entries(plain).map(([name, value]) => [COLUMNS[name as keyof typeof COLUMNS], value]);
  return {
    ...Object.fromEntries(entries),
    ...(scopes !== undefined && { scopes: scopes.join(' ') }),
    ...(wantedScopes !== undefined && { wanted_scopes: wantedScopes.join(' ') || null }),
  };
}

const toScopes = (text: string | null): string[] => (text === null || text === '' ? [] : text.split(' '));
const toNumber = (value: number | string | null): number | null => (value === null ? null : Number(value));

export function toConnection(row: Selectable<Tables['upstream_connections']>): UpstreamConnection {
  return {
    tenantId: row.tenant_id,
    upstream: row.upstream,
    owner: { kind: row.owner_kind, id: row.owner_id },
    id: row.id,
    grantId: row.grant_id,
    issuer: row.issuer,
    clientId: row.client_id,
    state: row.state,
    scopes: toScopes(row.scopes),
    wantedScopes: toScopes(row.wanted_scopes),
    account: row.account,
    generation: row.generation,
    failures: row.failures,
    expiresAt: toNumber(row.expires_at),
    refreshExpiresAt: toNumber(row.refresh_expires_at),
    refreshedAt: toNumber(row.refreshed_at),
    refreshDueAt: toNumber(row.refresh_due_at),
    retryAt: toNumber(row.retry_at),
    lastError: row.last_error,
    lastErrorAt: toNumber(row.last_error_at),
    lastUsedAt: toNumber(row.last_used_at),
    lastUsedBy: row.last_used_by,
    leaseBy: row.lease_by,
    leaseUntil: toNumber(row.lease_until),
    warnedAt: toNumber(row.warned_at),
    connectedAt: Number(row.connected_at),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}
