/** A user (a person) or a service account (a machine). Everything that happens is attributed to one of them. */
export type PrincipalKind = 'user' | 'service_account';

export interface PrincipalRef {
  readonly kind: PrincipalKind;
  readonly id: string;
  readonly name: string;
}

/**
 * What acts for a principal: a named access key or an OAuth client. `anonymous` exists only under `auth: none`,
 * `command_line` only for commands that work on the data folder while no gateway runs.
 */
export interface AgentRef {
  readonly kind: 'access_key' | 'oauth_client' | 'anonymous' | 'command_line';
  readonly id: string;
  readonly name: string;
}

/** Everything that one verified credential says about the request that carries it. */
export interface Caller {
  readonly tenantId: string;
  readonly principal: PrincipalRef;
  readonly agent: AgentRef;
  /** Roles of the principal, direct and through groups: sorted, unique. */
  readonly roles: readonly string[];
  /** Further limits that the access key puts on its principal; absent when the key adds none. */
  readonly restriction?: KeyRestriction;
  /** What an access token says beside who calls; absent for access keys. */
  readonly grant?: TokenGrant;
}

/** A token can only narrow what its principal may do. */
export interface TokenGrant {
  /** Null where nobody gave a grant that could be revoked: client credentials, tokens of another issuer. */
  readonly id: string | null;
  readonly scopes: readonly string[];
  /** The resource URL that the token is for. */
  readonly resource: string;
}

/** A key can only narrow what its principal may do: a call must pass the principal's roles AND all of these. */
export interface KeyRestriction {
  /** Roles of the key, sorted; the call must also be allowed by these. Empty: no further limit. */
  readonly roles: readonly string[];
  /** Globs over `{upstream}__{tool}`; one must match. Empty: no further limit. */
  readonly tools: readonly string[];
}

/** Roles that open the admin API. They grant no tool. */
export const ADMIN_ROLES: ReadonlySet<string> = new Set(['owner', 'admin']);

export const DEFAULT_TENANT = 'default';
