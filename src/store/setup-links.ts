import type { Selectable } from 'kysely';
import { type Maker, toMaker } from '../model/maker.ts';
import type { Database, Tables } from './tables.ts';
import { transact } from './transact.ts';

/** What lets a person choose a password for an account: once, for a while. */
export interface SetupLink {
  readonly tenantId: string;
  /** Hex SHA-256 of what stands in the link. */
  readonly tokenHash: string;
  readonly userId: string;
  /** `recovery` also removes the second factors that the person no longer has. */
  readonly purpose: 'setup' | 'recovery';
  /** Null: it is not known with what standing. */
  readonly maker: Maker | null;
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface SetupLinkRef {
  readonly tenantId: string;
  readonly tokenHash: string;
}

/** Adds a link; those that the user had before stop working. Throws `conflict` when there is no such user. */
export async function insertSetupLink(db: Database, link: SetupLink): Promise<void> {
  await transact(db, async (trx) => {
    await trx
      .deleteFrom('setup_links')
      .where('tenant_id', '=', link.tenantId)
      .where('user_id', '=', link.userId)
      .execute();
    await trx
      .insertInto('setup_links')
      .values({
        tenant_id: link.tenantId,
        token_hash: link.tokenHash,
        user_id: link.userId,
        purpose: link.purpose,
        created_by: link.maker?.id ?? '',
        created_as: link.maker?.level ?? null,
        created_at: link.createdAt,
        expires_at: link.expiresAt,
        used_at: null,
      })
      .execute();
  });
}

/** Null when it is unknown, over or used, or its user is disabled. */
export async function findUsableSetupLink(
  db: Database,
  ref: SetupLinkRef,
  now: number,
): Promise<(SetupLink & { readonly userName: string }) | null> {
  const row = await db
    .selectFrom('setup_links')
    .innerJoin('users', (join) =>
      join.onRef('users.tenant_id', '=', 'setup_links.tenant_id').onRef('users.id', '=', 'setup_links.user_id'),
    )
    .selectAll('setup_links')
    .select('users.name as user_name')
    .where('setup_links.tenant_id', '=', ref.tenantId)
    .where('token_hash', '=', ref.tokenHash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .where('users.status', '=', 'active')
    .executeTakeFirst();
  return row ? { ...toSetupLink(row), userName: row.user_name } : null;
}

/** Marks it used; false when it no longer can be. Of several simultaneous calls one succeeds. */
export async function useSetupLink(db: Database, ref: SetupLinkRef, now: number): Promise<boolean> {
  const row = await db
    .updateTable('setup_links')
    .set({ used_at: now })
    .where('tenant_id', '=', ref.tenantId)
    .where('token_hash', '=', ref.tokenHash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .returning('user_id')
    .executeTakeFirst();
  return row !== undefined;
}

/** The links of a user that can still be used; at most one, as a new one replaces those before. */
export async function listUsableSetupLinks(
  db: Database,
  { tenantId, userId }: { readonly tenantId: string; readonly userId: string },
  now: number,
): Promise<SetupLink[]> {
  const rows = await db
    .selectFrom('setup_links')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .execute();
  return rows.map(toSetupLink);
}

export async function deleteSetupLink(db: Database, ref: SetupLinkRef): Promise<void> {
  await db
    .deleteFrom('setup_links')
    .where('tenant_id', '=', ref.tenantId)
    .where('token_hash', '=', ref.tokenHash)
    .execute();
}

export async function deleteExpiredSetupLinks(db: Database, now: number): Promise<void> {
  await db.deleteFrom('setup_links').where('expires_at', '<=', now).execute();
}

function toSetupLink(row: Selectable<Tables['setup_links']>): SetupLink {
  return {
    tenantId: row.tenant_id,
    tokenHash: row.token_hash,
    userId: row.user_id,
    purpose: row.purpose,
    maker: toMaker(row.created_by, row.created_as),
    createdAt: Number(row.created_at),
    expiresAt: Number(row.expires_at),
  };
}
