import type { ExpressionBuilder, Selectable } from 'kysely';
import { type Page, type PageRequest, toPage } from './page.ts';
import type { Database, SecretOwnerKind, Tables } from './tables.ts';

/** Names one secret. */
export interface SecretRef {
  readonly tenantId: string;
  readonly upstream: string;
  /** `id` is empty for `shared`. */
  readonly owner: { readonly kind: SecretOwnerKind; readonly id: string };
  /** Name of the header, or of the vault entry. */
  readonly name: string;
}

/** What may be listed of a secret. */
export interface SecretInfo extends SecretRef {
  /** `sec_…` */
  readonly id: string;
  /** 1 at first, then one more with each new envelope. */
  readonly version: number;
  readonly dataKeyId: string;
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A secret with its ciphertext. The store never sees the plaintext. */
export interface StoredSecret extends SecretInfo {
  readonly envelope: string;
}

/** Adds a secret in version 1. Throws `conflict` when it exists, or when its data key does not. */
export async function insertSecret(
  db: Database,
  secret: SecretRef & {
    readonly id: string;
    readonly dataKeyId: string;
    readonly envelope: string;
    readonly createdAt: number;
  },
): Promise<StoredSecret> {
  const row = await db
    .insertInto('secrets')
    .values({
      tenant_id: secret.tenantId,
      id: secret.id,
      upstream: secret.upstream,
      owner_kind: secret.owner.kind,
      owner_id: secret.owner.id,
      name: secret.name,
      version: 1,
      data_key_id: secret.dataKeyId,
      envelope: secret.envelope,
      created_at: secret.createdAt,
      updated_at: secret.createdAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return toSecret(row);
}

export async function findSecret(db: Database, ref: SecretRef): Promise<StoredSecret | null> {
  const row = await db.selectFrom('secrets').selectAll().where(isSecret(ref)).executeTakeFirst();
  return row ? toSecret(row) : null;
}

/**
 * Stores a new envelope as the next version. Null when there is no such secret, or it no longer is what was `expected`: one
 * that was removed and stored again has another id.
 */
export async function updateSecret(
  db: Database,
  ref: SecretRef,
  expected: { readonly id: string; readonly version: number },
  next: { readonly envelope: string; readonly dataKeyId: string },
  now: number = Date.now(),
): Promise<StoredSecret | null> {
  const row = await db
    .updateTable('secrets')
    .set({
      envelope: next.envelope,
      data_key_id: next.dataKeyId,
      version: expected.version + 1,
      updated_at: now,
    })
    .where(isSecret(ref))
    .where('id', '=', expected.id)
    .where('version', '=', expected.version)
    .returningAll()
    .executeTakeFirst();
  return row ? toSecret(row) : null;
}

/**
 * Stores the same value under another data key; version and time stay, since nothing changed for whoever uses it. Null
 * when there is no such secret or it no longer has the version and data key of `expected`.
 */
export async function rekeySecret(
  db: Database,
  ref: SecretRef,
  expected: { readonly version: number; readonly dataKeyId: string },
  next: { readonly envelope: string; readonly dataKeyId: string },
): Promise<StoredSecret | null> {
  const row = await db
    .updateTable('secrets')
    .set({ envelope: next.envelope, data_key_id: next.dataKeyId })
    .where(isSecret(ref))
    .where('version', '=', expected.version)
    .where('data_key_id', '=', expected.dataKeyId)
    .returningAll()
    .executeTakeFirst();
  return row ? toSecret(row) : null;
}

/** False when there is no such secret, or not in this version. */
export async function deleteSecret(
  db: Database,
  ref: SecretRef,
  expected?: { readonly id: string; readonly version: number } | undefined,
): Promise<boolean> {
  const removed = await db
    .deleteFrom('secrets')
    .where(isSecret(ref))
    .$if(expected !== undefined, (query) =>
      query.where('id', '=', expected!.id).where('version', '=', expected!.version),
    )
    .returning('id')
    .executeTakeFirst();
  return removed !== undefined;
}

/** What secrets there are, in order of id: all, or those of one upstream, of one owner, or both. */
export async function listSecrets(
  db: Database,
  page: PageRequest & { readonly upstream?: string | undefined; readonly owner?: SecretRef['owner'] | undefined },
): Promise<Page<SecretInfo>> {
  const { upstream, owner } = page;
  const rows = await db
    .selectFrom('secrets')
    .selectAll()
    .where('tenant_id', '=', page.tenantId)
    .where('id', '>', page.after ?? '')
    .$if(upstream !== undefined, (query) => query.where('upstream', '=', upstream!))
    .$if(owner !== undefined, (query) => query.where('owner_kind', '=', owner!.kind).where('owner_id', '=', owner!.id))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toSecretInfo, (secret) => secret.id);
}

/** The secrets that are encrypted under another data key than this one, in order of id: what a rotation still has to do. */
export async function listSecretsNotUnder(
  db: Database,
  page: PageRequest & { readonly dataKeyId: string },
): Promise<Page<StoredSecret>> {
  const rows = await db
    .selectFrom('secrets')
    .selectAll()
    .where('tenant_id', '=', page.tenantId)
    .where('data_key_id', '!=', page.dataKeyId)
    .where('id', '>', page.after ?? '')
    .orderBy('id')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toSecret, (secret) => secret.id);
}

function isSecret(ref: SecretRef) {
  return (eb: ExpressionBuilder<Tables, 'secrets'>) =>
    eb.and({
      tenant_id: ref.tenantId,
      upstream: ref.upstream,
      owner_kind: ref.owner.kind,
      owner_id: ref.owner.id,
      name: ref.name,
    });
}

function toSecretInfo(row: Selectable<Tables['secrets']>): SecretInfo {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    upstream: row.upstream,
    owner: { kind: row.owner_kind, id: row.owner_id },
    name: row.name,
    version: row.version,
    dataKeyId: row.data_key_id,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}

function toSecret(row: Selectable<Tables['secrets']>): StoredSecret {
  return { ...toSecretInfo(row), envelope: row.envelope };
}
