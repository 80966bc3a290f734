import type { Selectable } from 'kysely';
import { AppError } from '../errors/app-error.ts';
import type { AccessKey, AccessKeyKind } from '../model/access-key.ts';
import { type Maker, toMaker } from '../model/maker.ts';
import type { PrincipalKind } from '../model/principal.ts';
import { type Page, type PageRequest, toPage } from './page.ts';
import { replaceRolesOf, rolesOfSubject } from './role-assignments.ts';
import type { Database, Tables } from './tables.ts';
import { transact } from './transact.ts';

export interface StoredAccessKey extends AccessKey {
  /** Grows with every change except `lastUsedAt`; the ETag. */
  readonly version: number;
  /** Null: it is not known. */
  readonly maker: Maker | null;
}

export interface NewAccessKey {
  readonly tenantId: string;
  /** `key_…` */
  readonly id: string;
  readonly kind: AccessKeyKind;
  readonly name: string;
  readonly hint: string;
  /** Lower-case hex SHA-256 of the whole key. */
  readonly hash: string;
  readonly owner: { readonly kind: PrincipalKind; readonly id: string };
  readonly cidrs: readonly string[];
  readonly tools: readonly string[];
  readonly roles: readonly string[];
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly expiresAt: number | null;
  /** Absent: it is not known, which counts as somebody of no standing. */
  readonly maker?: Maker | null | undefined;
}

export interface AccessKeyPatch {
  readonly name?: string | undefined;
  readonly expiresAt?: number | null | undefined;
  readonly cidrs?: readonly string[] | undefined;
  readonly tools?: readonly string[] | undefined;
  readonly roles?: readonly string[] | undefined;
}

export interface AccessKeyRef {
  readonly tenantId: string;
  readonly id: string;
}

/**
 * Adds a key and its roles. Throws `not_found` when the owner is not in the tenant, `conflict` when there is such a key
 * already.
 */
export async function insertAccessKey(db: Database, key: NewAccessKey): Promise<StoredAccessKey> {
  return transact(db, async (trx) => {
    const owner = await trx
      .selectFrom(key.owner.kind === 'user' ? 'users' : 'service_accounts')
      .select('name')
      .where('tenant_id', '=', key.tenantId)
      .where('id', '=', key.owner.id)
      .executeTakeFirst();
    if (!owner) throw new AppError('not_found', `There is no such ${key.owner.kind.replace('_', ' ')}.`);
    const row = await trx
      .insertInto('access_keys')
      .values({
        tenant_id: key.tenantId,
        id: key.id,
        kind: key.kind,
        name: key.name,
        hint: key.hint,
        hash: key.hash,
        owner_kind: key.owner.kind,
        owner_id: key.owner.id,
        cidrs: JSON.stringify(key.cidrs),
        tools: JSON.stringify(key.tools),
        successor_id: null,
        version: 1,
        created_at: key.createdAt,
        expires_at: key.expiresAt,
        revoked_at: null,
        last_used_at: null,
        created_by: key.maker?.id ?? null,
        created_as: key.maker?.level ?? null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    const subject = { kind: 'access_key', id: key.id } as const;
    await replaceRolesOf(trx, { tenantId: key.tenantId, subject, roles: key.roles }, key.createdAt);
    return toAccessKey({ ...row, owner_name: owner.name }, [...new Set(key.roles)].sort());
  });
}

export async function findAccessKey(db: Database, ref: AccessKeyRef): Promise<StoredAccessKey | null> {
  const row = await selectKeys(db)
    .where('access_keys.tenant_id', '=', ref.tenantId)
    .where('access_keys.id', '=', ref.id)
    .executeTakeFirst();
  if (!row) return null;
  return toAccessKey(row, await rolesOfSubject(db, { ...ref, subject: { kind: 'access_key', id: ref.id } }));
}

/** In order of id, which is the order of creation; all, or those of one owner. Revoked and expired ones too. */
export async function listAccessKeys(
  db: Database,
  page: PageRequest & { readonly owner?: { readonly kind: PrincipalKind; readonly id: string } | undefined },
): Promise<Page<StoredAccessKey>> {
  const { owner } = page;
  const rows = await selectKeys(db)
    .where('access_keys.tenant_id', '=', page.tenantId)
    .where('access_keys.id', '>', page.after ?? '')
    .$if(owner !== undefined, (query) => query.where('owner_kind', '=', owner!.kind).where('owner_id', '=', owner!.id))
    .orderBy('access_keys.id')
    .limit(page.limit + 1)
    .execute();
  const roles = await rolesOfKeys(db, page.tenantId, rows);
  return toPage(
    rows,
    page.limit,
    (row) => toAccessKey(row, roles.get(row.id) ?? []),
    (key) => key.id,
  );
}

/** Null when there is no such key or it no longer has `expectedVersion`. */
export async function updateAccessKey(
  db: Database,
  ref: AccessKeyRef,
  expectedVersion: number,
  patch: AccessKeyPatch,
  now: number = Date.now(),
): Promise<StoredAccessKey | null> {
  return transact(db, async (trx) => {
    const changed = await trx
      .updateTable('access_keys')
      .set({
        ...(patch.name === undefined ? {} : { name: patch.name }),
        ...(patch.expiresAt === undefined ? {} : { expires_at: patch.expiresAt }),
        ...(patch.cidrs === undefined ? {} : { cidrs: JSON.stringify(patch.cidrs) }),
        ...(patch.tools === undefined ? {} : { tools: JSON.stringify(patch.tools) }),
        version: expectedVersion + 1,
      })
      .where('tenant_id', '=', ref.tenantId)
      .where('id', '=', ref.id)
      .where('version', '=', expectedVersion)
      .returning('id')
      .executeTakeFirst();
    if (!changed) return null;
    if (patch.roles !== undefined) {
      const subject = { kind: 'access_key', id: ref.id } as const;
      await replaceRolesOf(trx, { tenantId: ref.tenantId, subject, roles: patch.roles }, now);
    }
    return findAccessKey(trx, ref);
  });
}

/** The key, revoked; null when there is no such key. A key that is revoked already keeps its time. */
export async function markKeyRevoked(
  db: Database,
  ref: AccessKeyRef,
  now: number = Date.now(),
): Promise<StoredAccessKey | null> {
  return transact(db, async (trx) => {
    await trx
      .updateTable('access_keys')
      .set((eb) => ({ revoked_at: now, version: eb('version', '+', 1) }))
      .where('tenant_id', '=', ref.tenantId)
      .where('id', '=', ref.id)
      .where('revoked_at', 'is', null)
      .execute();
    return findAccessKey(trx, ref);
  });
}

/**
 * Names the successor of a key and when the key itself ends. Null when there is no such key, it is revoked, or it has a
 * successor: of several simultaneous rotations one succeeds. Insert the successor in the same transaction.
 */
export async function setKeySuccessor(
  db: Database,
  ref: AccessKeyRef,
  { successorId, expiresAt }: { successorId: string; expiresAt: number },
): Promise<StoredAccessKey | null> {
  return transact(db, async (trx) => {
    const changed = await trx
      .updateTable('access_keys')
      .set((eb) => ({ successor_id: successorId, expires_at: expiresAt, version: eb('version', '+', 1) }))
      .where('tenant_id', '=', ref.tenantId)
      .where('id', '=', ref.id)
      .where('successor_id', 'is', null)
      .where('revoked_at', 'is', null)
      .returning('id')
      .executeTakeFirst();
    return changed ? findAccessKey(trx, ref) : null;
  });
}

/** Keys with the name of their owner, of every tenant. */
export function selectKeys(db: Database) {
  return db
    .selectFrom('access_keys')
    .leftJoin('users', (join) =>
      join
        .on('access_keys.owner_kind', '=', 'user')
        .onRef('users.tenant_id', '=', 'access_keys.tenant_id')
        .onRef('users.id', '=', 'access_keys.owner_id'),
    )
    .leftJoin('service_accounts', (join) =>
      join
        .on('access_keys.owner_kind', '=', 'service_account')
        .onRef('service_accounts.tenant_id', '=', 'access_keys.tenant_id')
        .onRef('service_accounts.id', '=', 'access_keys.owner_id'),
    )
    .selectAll('access_keys')
    .select((eb) => eb.fn.coalesce('users.name', 'service_accounts.name').as('owner_name'));
}

async function rolesOfKeys(
  db: Database,
  tenantId: string,
  keys: readonly { readonly id: string }[],
): Promise<Map<string, string[]>> {
  const roles = new Map<string, string[]>();
  if (keys.length === 0) return roles;
  const rows = await db
    .selectFrom('role_assignments')
    .select(['subject_id', 'role'])
    .where('tenant_id', '=', tenantId)
    .where('subject_kind', '=', 'access_key')
    .where(
      'subject_id',
      'in',
      keys.map((key) => key.id),
    )
    .execute();
  for (const row of rows) roles.set(row.subject_id, [...(roles.get(row.subject_id) ?? []), row.role].sort());
  return roles;
}

/** `roles`: those of the key itself, sorted. */
export function toAccessKey(
  row: Selectable<Tables['access_keys']> & { readonly owner_name: string | null },
  roles: readonly string[],
): StoredAccessKey {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    kind: row.kind,
    name: row.name,
    hint: row.hint,
    owner: { kind: row.owner_kind, id: row.owner_id, name: row.owner_name ?? '' },
    createdAt: Number(row.created_at),
    expiresAt: row.expires_at === null ? null : Number(row.expires_at),
    revokedAt: row.revoked_at === null ? null : Number(row.revoked_at),
    lastUsedAt: row.last_used_at === null ? null : Number(row.last_used_at),
    cidrs: JSON.parse(row.cidrs) as string[],
    roles,
    tools: JSON.parse(row.tools) as string[],
    successorId: row.successor_id,
    version: row.version,
    maker: toMaker(row.created_by, row.created_as),
  };
}
