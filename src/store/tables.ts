import type { ColumnType, Kysely } from 'kysely';
import type { ConnectionTables } from './connection-tables.ts';
import type { SignInTables } from './sign-in-tables.ts';

/**
 * A 64-bit integer column. PostgreSQL's driver returns it as text, SQLite as a number: the type makes every query
 * function say `Number(…)`. Values stay below 2^53: times are milliseconds since the epoch.
 */
export type Int64 = ColumnType<number | string, number, number>;
export type Int64OrNull = ColumnType<number | string | null, number | null, number | null>;

export type PrincipalStatus = 'active' | 'disabled';
export type SubjectKind = 'user' | 'service_account' | 'group' | 'access_key';
export type SecretOwnerKind = 'shared' | 'user' | 'service_account';

interface TenantsTable {
  id: string;
  name: string;
  created_at: Int64;
}

interface UsersTable {
  tenant_id: string;
  id: string;
  name: string;
  /** `nameKey(name)`: what is unique, so that `Ann@x.org` and `ann@x.org` cannot be two people. */
  name_key: string;
  display_name: string;
  status: PrincipalStatus;
  epoch: number;
  version: number;
  created_at: Int64;
  updated_at: Int64;
}

interface ServiceAccountsTable {
  tenant_id: string;
  id: string;
  name: string;
  name_key: string;
  description: string;
  status: PrincipalStatus;
  epoch: number;
  version: number;
  created_at: Int64;
  updated_at: Int64;
}

interface GroupsTable {
  tenant_id: string;
  id: string;
  name: string;
  name_key: string;
  description: string;
  version: number;
  created_at: Int64;
  updated_at: Int64;
}

interface GroupMembersTable {
  tenant_id: string;
  group_id: string;
  user_id: string;
  created_at: Int64;
}

interface RolesTable {
  tenant_id: string;
  name: string;
  description: string;
  /** JSON: RoleRule[]. */
  allow: string;
  /** JSON: RoleRule[]. */
  deny: string;
  version: number;
  created_at: Int64;
  updated_at: Int64;
}

interface RoleAssignmentsTable {
  tenant_id: string;
  id: string;
  /** No foreign key: built-in roles and those of the configuration file have no row. */
  role: string;
  subject_kind: SubjectKind;
  subject_id: string;
  created_at: Int64;
}

interface AccessKeysTable {
  tenant_id: string;
  id: string;
  kind: 'personal' | 'service';
  name: string;
  hint: string;
  /** Hex SHA-256 of the whole key. */
  hash: string;
  owner_kind: 'user' | 'service_account';
  owner_id: string;
  /** JSON: string[]. */
  cidrs: string;
  /** JSON: string[]. */
  tools: string;
  successor_id: string | null;
  version: number;
  created_at: Int64;
  expires_at: Int64OrNull;
  revoked_at: Int64OrNull;
  last_used_at: Int64OrNull;
  /** See model/maker.ts. */
  created_by: string | null;
  created_as: string | null;
}

interface UpstreamsTable {
  tenant_id: string;
  name: string;
  /** JSON object. */
  config: string;
  /** 0 or 1. */
  enabled: number;
  version: number;
  created_at: Int64;
  updated_at: Int64;
}

interface SecretsTable {
  tenant_id: string;
  id: string;
  upstream: string;
  owner_kind: SecretOwnerKind;
  /** Empty for `shared`. */
  owner_id: string;
  name: string;
  version: number;
  data_key_id: string;
  envelope: string;
  created_at: Int64;
  updated_at: Int64;
}

interface DataKeysTable {
  tenant_id: string;
  id: string;
  wrapped: string;
  master_key_id: string;
  created_at: Int64;
  retired_at: Int64OrNull;
}

interface IdempotencyKeysTable {
  tenant_id: string;
  principal_id: string;
  key: string;
  request_hash: string;
  /** JSON; null while the first request is still being carried out. */
  response: string | null;
  created_at: Int64;
}

interface SettingsTable {
  tenant_id: string;
  key: string;
  value: string;
  updated_at: Int64;
}

/** One row for each migration that was applied; see migrate.ts. */
interface SchemaVersionsTable {
  version: number;
  name: string;
  app_version: string;
  applied_at: Int64;
}

/** Every table of the main database. Columns as they are in SQL; the query functions translate to camelCase. */
export interface Tables extends SignInTables, ConnectionTables {
  tenants: TenantsTable;
  users: UsersTable;
  service_accounts: ServiceAccountsTable;
  groups: GroupsTable;
  group_members: GroupMembersTable;
  roles: RolesTable;
  role_assignments: RoleAssignmentsTable;
  access_keys: AccessKeysTable;
  upstreams: UpstreamsTable;
  secrets: SecretsTable;
  data_keys: DataKeysTable;
  idempotency_keys: IdempotencyKeysTable;
  settings: SettingsTable;
  schema_versions: SchemaVersionsTable;
}

/** The database, or a transaction on it: every query function takes either. */
export type Database = Kysely<Tables>;
