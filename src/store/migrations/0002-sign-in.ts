import { type Kysely, sql } from 'kysely';
import { columns, type Has, optional, type Table, tenantTable } from './tenant-table.ts';

/**
 * What signing in needs: the authorization server's clients, grants, consents and short-lived records, its signing keys,
 * and how people prove who they are. Whatever could be used by whoever reads it (codes, tokens, links, session ids) is
 * stored as SHA-256; private keys and TOTP secrets are in the vault.
 */
// biome-ignore lint/suspicious/noExplicitAny: a migration runs against a schema that no longer has a type.
export async function signIn(db: Kysely<any>): Promise<void> {
  await authorizationServer(db);
  await clients(db);
  await accounts(db);
  await browser(db);
}

const belongsToUser = (table: Table, name: string): Table =>
  table.addForeignKeyConstraint(
    `${name}_user`,
    ['tenant_id', 'user_id'] as never[],
    'users',
    ['tenant_id', 'id'],
    (key) => key.onDelete('cascade'),
  ) as unknown as Table;

const index = (db: Has, table: string, name: string, ...on: string[]) =>
  db.schema.createIndex(`${table}_by_${name}`).on(table).columns(on).execute();

async function authorizationServer(db: Has): Promise<void> {
  let records = columns(tenantTable(db, 'oauth_records', ['kind', 'id_hash']), 'text', 'kind', 'id_hash', 'payload');
  records = optional(records, 'text', 'grant_id', 'user_code_hash');
  await optional(records, 'bigint', 'consumed_at', 'expires_at').execute();
  await index(db, 'oauth_records', 'grant', 'tenant_id', 'grant_id');
  await index(db, 'oauth_records', 'user_code', 'tenant_id', 'kind', 'user_code_hash');
  await index(db, 'oauth_records', 'expiry', 'expires_at');

  let grants = columns(
    tenantTable(db, 'oauth_grants', ['id']),
    'text',
    ...['id', 'client_id', 'client_name', 'principal_kind', 'principal_id', 'resource', 'scopes', 'payload', 'address'],
  );
  grants = columns(grants, 'bigint', 'created_at');
  grants = optional(grants, 'bigint', 'last_used_at', 'expires_at', 'revoked_at');
  await optional(grants, 'text', 'revoked_reason').execute();
  await index(db, 'oauth_grants', 'principal', 'tenant_id', 'principal_id', 'id');
  await index(db, 'oauth_grants', 'client', 'tenant_id', 'client_id', 'id');
  await index(db, 'oauth_grants', 'revocation', 'revoked_at');

  let successors = columns(
    tenantTable(db, 'refresh_successors', ['token_hash']),
    'text',
    ...['token_hash', 'grant_id', 'sealed_response'],
  );
  successors = optional(successors, 'text', 'key_thumbprint');
  await columns(successors, 'bigint', 'expires_at').execute();
  await index(db, 'refresh_successors', 'grant', 'tenant_id', 'grant_id');

  const keys = columns(
    tenantTable(db, 'signing_keys', ['kid']),
    'text',
    ...['kid', 'algorithm', 'public_jwk', 'state'],
  );
  await optional(columns(keys, 'bigint', 'created_at'), 'bigint', 'activated_at', 'retired_at').execute();
  // Of several processes that start or rotate at once, one makes the key and the others take it.
  await db.schema
    .createIndex('signing_keys_one_per_state')
    .unique()
    .on('signing_keys')
    .columns(['tenant_id', 'state'])
    .where(sql.ref('state'), '!=', 'retired')
    .execute();

  const used = columns(tenantTable(db, 'used_token_ids', ['issuer', 'id_hash']), 'text', 'issuer', 'id_hash');
  await columns(used, 'bigint', 'expires_at').execute();
  await index(db, 'used_token_ids', 'expiry', 'expires_at');
}

async function clients(db: Has): Promise<void> {
  let table = columns(
    tenantTable(db, 'oauth_clients', ['id']),
    'text',
    ...['id', 'source', 'name', 'status', 'metadata', 'address'],
  );
  table = optional(table, 'text', 'secret_hash', 'service_account_id', 'etag');
  table = columns(table, 'integer', 'version');
  table = columns(table, 'bigint', 'created_at', 'updated_at');
  await optional(table, 'bigint', 'last_used_at', 'fresh_until').execute();
  await index(db, 'oauth_clients', 'source', 'tenant_id', 'source', 'last_used_at');

  const consents = columns(
    tenantTable(db, 'consents', ['user_id', 'client_id', 'redirect_host', 'resource']),
    'text',
    ...['user_id', 'client_id', 'redirect_host', 'resource', 'scopes'],
  );
  await optional(
    belongsToUser(columns(consents, 'bigint', 'created_at'), 'consents'),
    'bigint',
    'expires_at',
  ).execute();
  await index(db, 'consents', 'client', 'tenant_id', 'client_id');
}

async function accounts(db: Has): Promise<void> {
  let identities = columns(
    tenantTable(db, 'external_identities', ['issuer', 'subject']),
    'text',
    ...['issuer', 'subject', 'user_id', 'given'],
  );
  identities = optional(identities, 'text', 'email');
  identities = columns(identities, 'bigint', 'created_at', 'last_login_at');
  await belongsToUser(identities, 'external_identities').execute();
  await index(db, 'external_identities', 'user', 'tenant_id', 'user_id');

  let local = columns(tenantTable(db, 'local_credentials', ['user_id']), 'text', 'user_id');
  local = optional(local, 'text', 'password_hash');
  local = columns(local, 'integer', 'failed_attempts');
  local = columns(local, 'bigint', 'updated_at');
  // The time step of the last accepted one-time code: it is accepted once (RFC 6238 §5.2).
  local = optional(local, 'bigint', 'locked_until', 'totp_confirmed_at', 'totp_last_step');
  await belongsToUser(local, 'local_credentials').execute();

  let links = columns(
    tenantTable(db, 'setup_links', ['token_hash']),
    'text',
    ...['token_hash', 'user_id', 'purpose', 'created_by'],
  );
  links = columns(links, 'bigint', 'created_at', 'expires_at');
  await belongsToUser(optional(links, 'bigint', 'used_at'), 'setup_links').execute();
  await index(db, 'setup_links', 'user', 'tenant_id', 'user_id');
}

async function browser(db: Has): Promise<void> {
  let sessions = columns(
    tenantTable(db, 'browser_sessions', ['id_hash']),
    'text',
    ...['id_hash', 'user_id', 'methods', 'address', 'user_agent'],
  );
  sessions = optional(sessions, 'text', 'provider', 'provider_session', 'logout_hint');
  sessions = columns(sessions, 'integer', 'epoch');
  sessions = columns(sessions, 'bigint', 'created_at', 'authenticated_at', 'last_seen_at', 'expires_at');
  await belongsToUser(sessions, 'browser_sessions').execute();
  await index(db, 'browser_sessions', 'user', 'tenant_id', 'user_id');
  await index(db, 'browser_sessions', 'provider', 'tenant_id', 'provider', 'provider_session');
  await index(db, 'browser_sessions', 'expiry', 'expires_at');

  const logins = columns(
    tenantTable(db, 'login_states', ['state_hash']),
    'text',
    ...['state_hash', 'browser_hash', 'provider', 'payload'],
  );
  await columns(logins, 'bigint', 'expires_at').execute();
  await index(db, 'login_states', 'expiry', 'expires_at');
}
