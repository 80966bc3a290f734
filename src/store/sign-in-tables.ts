import type { Int64, Int64OrNull } from './tables.ts';

/** What oidc-provider keeps for a while, but clients and grants: `kind` is the name of its model. */
interface OauthRecordsTable {
  tenant_id: string;
  kind: string;
  /** Hex SHA-256 of the id, which for codes and tokens is the value itself. */
  id_hash: string;
  /** JSON object, without the id. */
  payload: string;
  grant_id: string | null;
  user_code_hash: string | null;
  consumed_at: Int64OrNull;
  expires_at: Int64OrNull;
}

interface OauthGrantsTable {
  tenant_id: string;
  id: string;
  client_id: string;
  client_name: string;
  principal_kind: 'user' | 'service_account';
  principal_id: string;
  /** The resource URL that its tokens are for. */
  resource: string;
  /** Space-separated. */
  scopes: string;
  /** JSON: the Grant of oidc-provider. */
  payload: string;
  /** Where it was given from. */
  address: string;
  created_at: Int64;
  last_used_at: Int64OrNull;
  expires_at: Int64OrNull;
  revoked_at: Int64OrNull;
  revoked_reason: string | null;
}

/** The answer to a refresh, for a client that asks again with the token that it replaced. */
interface RefreshSuccessorsTable {
  tenant_id: string;
  token_hash: string;
  grant_id: string;
  /** Encrypted under a key that is derived from the replaced token, which is stored nowhere. */
  sealed_response: string;
  /** Of the DPoP key that the tokens are bound to. */
  key_thumbprint: string | null;
  expires_at: Int64;
}

interface SigningKeysTable {
  tenant_id: string;
  kid: string;
  algorithm: string;
  /** JSON. */
  public_jwk: string;
  state: 'next' | 'active' | 'retired';
  created_at: Int64;
  activated_at: Int64OrNull;
  retired_at: Int64OrNull;
}

/** Ids of tokens that are good once only. */
interface UsedTokenIdsTable {
  tenant_id: string;
  issuer: string;
  id_hash: string;
  expires_at: Int64;
}

interface OauthClientsTable {
  tenant_id: string;
  /** `client_id`: ours, or the URL of a client id metadata document. */
  id: string;
  source: 'pre_registered' | 'added' | 'dynamic' | 'metadata_document';
  name: string;
  status: 'active' | 'pending' | 'revoked';
  /** JSON: client metadata (RFC 7591 §2), without secrets. */
  metadata: string;
  /** Where it was registered from. */
  address: string;
  /** Hex SHA-256 of the client secret. */
  secret_hash: string | null;
  /** Whom it acts for in the client credentials grant. */
  service_account_id: string | null;
  /** Of a metadata document. */
  etag: string | null;
  version: number;
  created_at: Int64;
  updated_at: Int64;
  last_used_at: Int64OrNull;
  /** Until when a metadata document need not be fetched again. */
  fresh_until: Int64OrNull;
  /** See model/maker.ts. Of those that were added over the API. */
  created_by: string | null;
  created_as: string | null;
}

interface ConsentsTable {
  tenant_id: string;
  user_id: string;
  client_id: string;
  redirect_host: string;
  resource: string;
  /** Space-separated. */
  scopes: string;
  created_at: Int64;
  expires_at: Int64OrNull;
}

interface ExternalIdentitiesTable {
  tenant_id: string;
  issuer: string;
  subject: string;
  user_id: string;
  email: string | null;
  /** JSON `{ roles, groups }`: what the rules gave at the last login, and may take away at the next one. */
  given: string;
  created_at: Int64;
  last_login_at: Int64;
}

interface LocalCredentialsTable {
  tenant_id: string;
  user_id: string;
  /** scrypt, with its parameters and salt. */
  password_hash: string | null;
  failed_attempts: number;
  updated_at: Int64;
  locked_until: Int64OrNull;
  totp_confirmed_at: Int64OrNull;
  totp_last_step: Int64OrNull;
  /** Of the link that the password was chosen with; see model/maker.ts. */
  created_by: string | null;
  created_as: string | null;
}

interface SetupLinksTable {
  tenant_id: string;
  token_hash: string;
  user_id: string;
  purpose: 'setup' | 'recovery';
  /** See model/maker.ts. */
  created_by: string;
  created_as: string | null;
  created_at: Int64;
  expires_at: Int64;
  used_at: Int64OrNull;
}

interface BrowserSessionsTable {
  tenant_id: string;
  id_hash: string;
  user_id: string;
  /** JSON: string[], RFC 8176 values such as `pwd`, `otp`, `hwk`, `fed`. */
  methods: string;
  address: string;
  user_agent: string;
  /** Name of the identity provider, and its session id for logout. */
  provider: string | null;
  provider_session: string | null;
  /** The ID token, for signing out at the provider; encrypted under the session id, which is stored nowhere. */
  logout_hint: string | null;
  /** The user's epoch at sign-in: a raised one ends the session. */
  epoch: number;
  created_at: Int64;
  authenticated_at: Int64;
  last_seen_at: Int64;
  expires_at: Int64;
}

/** A login at an identity provider that is under way. */
interface LoginStatesTable {
  tenant_id: string;
  state_hash: string;
  /** Hex SHA-256 of the cookie that binds it to the browser. */
  browser_hash: string;
  provider: string;
  /** JSON. */
  payload: string;
  expires_at: Int64;
}

/** The tables of migration 2: the authorization server's, and those of people signing in. */
export interface SignInTables {
  oauth_records: OauthRecordsTable;
  oauth_grants: OauthGrantsTable;
  refresh_successors: RefreshSuccessorsTable;
  signing_keys: SigningKeysTable;
  used_token_ids: UsedTokenIdsTable;
  oauth_clients: OauthClientsTable;
  consents: ConsentsTable;
  external_identities: ExternalIdentitiesTable;
  local_credentials: LocalCredentialsTable;
  setup_links: SetupLinksTable;
  browser_sessions: BrowserSessionsTable;
  login_states: LoginStatesTable;
}
