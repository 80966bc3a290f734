import type { Int64, Int64OrNull, SecretOwnerKind } from './tables.ts';

/**
 * `needs_scopes`: the tokens work, but something was asked for that they do not cover. `failing`: refreshing fails, and is
 * tried again. `ending`: nobody may use it any more, and what is left of it has to be cleared away.
 */
export type ConnectionState = 'connected' | 'needs_reauth' | 'needs_scopes' | 'failing' | 'changed_issuer' | 'ending';

interface UpstreamConnectionsTable {
  tenant_id: string;
  upstream: string;
  owner_kind: SecretOwnerKind;
  /** Empty for `shared`. */
  owner_id: string;
  id: string;
  /** Another one each time that somebody connects. */
  grant_id: string;
  issuer: string;
  client_id: string;
  state: ConnectionState;
  /** Space-separated. */
  scopes: string;
  /** Space-separated: what a call lacked. */
  wanted_scopes: string | null;
  /** What the person calls the account there. */
  account: string | null;
  /** Version of the vault entry that holds the tokens. */
  generation: number;
  /** Refreshes that failed one after the other. */
  failures: number;
  expires_at: Int64OrNull;
  refresh_expires_at: Int64OrNull;
  refreshed_at: Int64OrNull;
  /** When the refresh token has to be used so that it does not die. */
  refresh_due_at: Int64OrNull;
  /** No refresh is tried before. */
  retry_at: Int64OrNull;
  last_error: string | null;
  last_error_at: Int64OrNull;
  last_used_at: Int64OrNull;
  last_used_by: string | null;
  /** Names the refresh that is under way, in any process. One that is over and still stands there was cut short. */
  lease_by: string | null;
  lease_until: Int64OrNull;
  warned_at: Int64OrNull;
  connected_at: Int64;
  created_at: Int64;
  updated_at: Int64;
}

/** What the gateway is registered as at a provider, on behalf of an upstream. */
interface UpstreamClientsTable {
  tenant_id: string;
  upstream: string;
  issuer: string;
  client_id: string;
  source: 'configured' | 'metadata-document' | 'dynamic';
  auth_method: string;
  redirect_uri: string;
  secret_expires_at: Int64OrNull;
  created_at: Int64;
}

/** Tokens that have to be revoked at their provider; they are in the vault until that is done. */
interface ProviderRevocationsTable {
  tenant_id: string;
  id: string;
  upstream: string;
  owner_kind: SecretOwnerKind;
  owner_id: string;
  issuer: string;
  state: 'waiting' | 'done' | 'given_up';
  attempts: number;
  next_at: Int64;
  last_error: string | null;
  created_at: Int64;
  updated_at: Int64;
}

/** The tables of migration 3: accounts at upstreams. */
export interface ConnectionTables {
  upstream_connections: UpstreamConnectionsTable;
  upstream_clients: UpstreamClientsTable;
  provider_revocations: ProviderRevocationsTable;
}
