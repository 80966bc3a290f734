import type { Issued, OauthError } from './oauth-provider-grants.ts';

export type ProviderBehaviour =
  | 'standard'
  | 'github'
  | 'google'
  | 'notion'
  | 'slack'
  | 'atlassian'
  | 'linear'
  | 'entra'
  | 'keycloak'
  /** A server of 2025-03-26 without metadata: `/authorize`, `/token` and `/register` at the origin. */
  | 'legacy';

/** How a provider differs from a strict one that does everything the specifications say. */
export interface Quirks {
  readonly metadata: 'oauth' | 'oidc' | 'none';
  readonly paths: {
    readonly authorize: string;
    readonly token: string;
    readonly register: string | null;
    readonly revoke: string | null;
    readonly userinfo?: string;
  };
  /** Members that are put over those of the metadata; undefined removes one. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly scopes: readonly string[];
  readonly authMethods: readonly string[];
  readonly iss: boolean;
  readonly pkce: 'required' | 'optional';
  readonly accessTokenSeconds: number | null;
  readonly rotate: boolean;
  /** Whether an authorization request gets refresh tokens. */
  offline(params: URLSearchParams, scopes: readonly string[]): boolean;
  /** An error for an authorization or token request that the provider does not take; null: it is fine. */
  refuses?(params: URLSearchParams): { error: string; description: string } | null;
  /** The same for the body of a registration. */
  refusesRegistration?(body: Readonly<Record<string, unknown>>): string | null;
  /** Where the scopes of an authorization request stand, and how they are separated. */
  readonly scopeParameter?: string;
  readonly commas?: boolean;
  answer?(issued: Issued): Record<string, unknown>;
  failure?(error: OauthError, grantType: string): { status: number; body: object };
  /** Answers are forms unless JSON is asked for. */
  readonly formUnlessAsked?: boolean;
}

const STANDARD: Quirks = {
  metadata: 'oauth',
  paths: { authorize: '/authorize', token: '/token', register: '/register', revoke: '/revoke' },
  scopes: ['mcp:read', 'mcp:write'],
  authMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  iss: true,
  pkce: 'required',
  accessTokenSeconds: 3600,
  rotate: true,
  offline: () => true,
};

const refusesResource =
  (description: string) =>
  (params: URLSearchParams): { error: string; description: string } | null =>
    params.has('resource') ? { error: 'invalid_request', description } : null;

/** GitHub and Slack answer errors with 200, and with names of their own. */
const failsWith200 =
  (names: Readonly<Record<string, string>>, more: object = {}) =>
  (error: OauthError, grantType: string): { status: number; body: object } => ({
    status: 200,
    body: { ...more, error: names[`${error.error} ${grantType}`] ?? names[error.error] ?? error.error },
  });

/** What Keycloak's registration knows; it refuses a body with anything else in it. */
const KEYCLOAK_CLIENT = new Set(
  'redirect_uris token_endpoint_auth_method grant_types response_types client_name client_uri scope application_type jwks jwks_uri contacts'.split(
    ' ',
  ),
);

export const QUIRKS: Readonly<Record<ProviderBehaviour, Quirks>> = {
  standard: STANDARD,
  legacy: { ...STANDARD, metadata: 'none', iss: false },
  github: {
    ...STANDARD,
    metadata: 'none',
    paths: { authorize: '/authorize', token: '/access_token', register: null, revoke: null },
    scopes: ['repo', 'read:org', 'read:user', 'gist'],
    iss: false,
    pkce: 'optional',
    accessTokenSeconds: null,
    offline: () => false,
    formUnlessAsked: true,
    answer: ({ scopes }) => ({ scope: scopes.join(',') }),
    failure: failsWith200({
      invalid_client: 'incorrect_client_credentials',
      'invalid_grant authorization_code': 'bad_verification_code',
      'invalid_grant refresh_token': 'bad_refresh_token',
    }),
  },
  google: {
    ...STANDARD,
    metadata: 'oidc',
    paths: {
      authorize: '/o/oauth2/v2/auth',
      token: '/token',
      register: null,
      revoke: '/revoke',
      userinfo: '/userinfo',
    },
    scopes: ['openid', 'email', 'profile'],
    authMethods: ['client_secret_post', 'client_secret_basic'],
    iss: false,
    pkce: 'optional',
    rotate: false,
    offline: (params) => params.get('access_type') === 'offline' && params.get('prompt') === 'consent',
  },
  notion: {
    ...STANDARD,
    scopes: [],
    authMethods: ['none'],
    members: { scopes_supported: undefined },
    iss: false,
    answer: ({ grant }) => ({
      scope: undefined,
      workspace_name: 'Acme',
      owner: { user: { person: { email: grant.account } } },
    }),
  },
  slack: {
    ...STANDARD,
    metadata: 'none',
    paths: { authorize: '/oauth/v2_user/authorize', token: '/api/oauth.v2.user.access', register: null, revoke: null },
    scopes: ['channels:history', 'users:read', 'chat:write', 'search:read'],
    authMethods: ['client_secret_post', 'client_secret_basic'],
    iss: false,
    pkce: 'optional',
    commas: true,
    accessTokenSeconds: null,
    offline: () => false,
    answer: ({ grant, scopes }) => ({
      ok: true,
      token_type: 'user',
      scope: undefined,
      authed_user: { id: grant.account, scope: scopes.join(',') },
      team: { id: 'T1', name: 'Acme' },
    }),
    failure: failsWith200(
      {
        invalid_client: 'bad_client_secret',
        'invalid_grant authorization_code': 'invalid_code',
        'invalid_grant refresh_token': 'invalid_refresh_token',
      },
      { ok: false },
    ),
  },
  atlassian: { ...STANDARD, scopes: ['read:jira-work', 'write:jira-work', 'offline_access'], iss: false },
  linear: { ...STANDARD, scopes: ['read', 'write'], iss: false },
  entra: {
    ...STANDARD,
    metadata: 'oidc',
    paths: { authorize: '/authorize', token: '/token', register: null, revoke: null },
    members: { code_challenge_methods_supported: undefined, revocation_endpoint: undefined },
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    authMethods: ['client_secret_post', 'client_secret_basic', 'private_key_jwt'],
    iss: false,
    pkce: 'optional',
    offline: (_, scopes) => scopes.includes('offline_access'),
    refuses: refusesResource(
      "AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes.",
    ),
  },
  keycloak: {
    ...STANDARD,
    metadata: 'oidc',
    paths: {
      authorize: '/auth',
      token: '/token',
      register: '/clients-registrations',
      revoke: '/revoke',
      userinfo: '/userinfo',
    },
    scopes: ['openid', 'profile', 'email', 'offline_access', 'mcp:read', 'mcp:write'],
    refusesRegistration(body) {
      const unknown = Object.keys(body).find((member) => !KEYCLOAK_CLIENT.has(member));
      return unknown === undefined ? null : `Unrecognized field "${unknown}"`;
    },
    answer: () => ({ refresh_expires_in: 1800, 'not-before-policy': 0, session_state: 'x' }),
  },
};
