import type { Selectable } from 'kysely';
import type { Database, Tables } from './tables.ts';

/** Somebody as an identity provider knows them. Issuer and subject together never change and never name two people. */
export interface ExternalIdentity {
  readonly tenantId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly userId: string;
  /** As it was at the last login, verified; for people to read, never to decide by. */
  readonly email: string | null;
  /** What the rules gave at the last login, beyond what the user had already. */
  readonly given: { readonly roles: readonly string[]; readonly groups: readonly string[] };
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly lastLoginAt: number;
}

export interface ExternalIdentityRef {
  readonly tenantId: string;
  readonly issuer: string;
  readonly subject: string;
}

/** Throws `conflict` when this subject has an account already, or there is no such user. */
export async function insertExternalIdentity(db: Database, identity: ExternalIdentity): Promise<void> {
  await db
    .insertInto('external_identities')
    .values({
      tenant_id: identity.tenantId,
      issuer: identity.issuer,
      subject: identity.subject,
      user_id: identity.userId,
      email: identity.email,
      given: JSON.stringify(identity.given),
      created_at: identity.createdAt,
      last_login_at: identity.lastLoginAt,
    })
    .execute();
}

export async function findExternalIdentity(db: Database, ref: ExternalIdentityRef): Promise<ExternalIdentity | null> {
  const row = await db
    .selectFrom('external_identities')
    .selectAll()
    .where('tenant_id', '=', ref.tenantId)
    .where('issuer', '=', ref.issuer)
    .where('subject', '=', ref.subject)
    .executeTakeFirst();
  return row ? toExternalIdentity(row) : null;
}

/** In order of issuer and subject. */
export async function listExternalIdentities(
  db: Database,
  { tenantId, userId }: { tenantId: string; userId: string },
): Promise<ExternalIdentity[]> {
  const rows = await db
    .selectFrom('external_identities')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .orderBy('issuer')
    .orderBy('subject')
    .execute();
  return rows.map(toExternalIdentity);
}

/** What a login found out. */
export async function updateExternalIdentity(
  db: Database,
  ref: ExternalIdentityRef,
  login: Pick<ExternalIdentity, 'email' | 'given' | 'lastLoginAt'>,
): Promise<void> {
  await db
    .updateTable('external_identities')
    .set({ email: login.email, given: JSON.stringify(login.given), last_login_at: login.lastLoginAt })
    .where('tenant_id', '=', ref.tenantId)
    .where('issuer', '=', ref.issuer)
    .where('subject', '=', ref.subject)
    .execute();
}

/** False when there was none. What its rules gave stays. */
export async function deleteExternalIdentity(db: Database, ref: ExternalIdentityRef): Promise<boolean> {
  const row = await db
    .deleteFrom('external_identities')
    .where('tenant_id', '=', ref.tenantId)
    .where('issuer', '=', ref.issuer)
    .where('subject', '=', ref.subject)
    .returning('user_id')
    .executeTakeFirst();
  return row !== undefined;
}

function toExternalIdentity(row: Selectable<Tables['external_identities']>): ExternalIdentity {
  return {
    tenantId: row.tenant_id,
    issuer: row.issuer,
    subject: row.subject,
    userId: row.user_id,
    email: row.email,
    given: JSON.parse(row.given) as ExternalIdentity['given'],
    createdAt: Number(row.created_at),
    lastLoginAt: Number(row.last_login_at),
  };
}
