/** Where an upstream was declared. What stands in the configuration file cannot be changed over the API. */
export type UpstreamSource = 'file' | 'api';

interface UpstreamBase {
  /** `[a-z0-9-]{1,32}`; unique; the prefix of its tools on `/mcp`. */
  readonly name: string;
  readonly source: UpstreamSource;
  readonly enabled: boolean;
  /** Milliseconds until a call without any sign of life from the upstream is given up. */
  readonly timeoutMs: number;
  /** Calls under way at once; more are refused (bulkhead). */
  readonly maxConcurrent: number;
  /** Lower-case names of caller headers that may pass. Every other header of the caller is dropped. */
  readonly forwardHeaders: readonly string[];
  readonly audit: { readonly response: 'hash' | 'content'; readonly redact: readonly string[] };
  readonly auth: UpstreamAuth;
}

/**
 * What the gateway shows this upstream in place of the caller's credential. `headers`: one shared set,
 * `headers-per-user`: one per principal; the values are in the vault, only names stand here. The other kinds are tokens
 * that the gateway gets from a provider (an OAuth authorization server) and keeps fresh.
 */
export type UpstreamAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'headers'; readonly names: readonly string[] }
  | { readonly kind: 'headers-per-user'; readonly names: readonly string[] }
  | UpstreamOauthAuth;

/**
 * `oauth-shared`: one account, connected by an administrator. `oauth-per-user`: everybody's own. `client-credentials`: the
 * gateway itself is the account. `token-exchange`: a token of the person's own that nobody has to ask for (RFC 8693,
 * ID-JAG).
 */
export interface UpstreamOauthAuth {
  readonly kind: 'oauth-shared' | 'oauth-per-user' | 'client-credentials' | 'token-exchange';
  readonly oauth: UpstreamOauth;
}

/** Providers that something is known about beyond their metadata; upstreams/oauth/ says what. */
export const PROVIDER_PRESETS = [
  'github',
  'google',
  'notion',
  'slack',
  'atlassian',
  'linear',
  'entra',
  'keycloak',
] as const;

/** How the gateway authenticates itself at a provider (RFC 8414 §2, `token_endpoint_auth_methods_supported`). */
export type ClientAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';

/** The vault's entries, shared by all, for what a client registered by hand proves itself with. */
export type ClientSecretName = 'client-secret' | 'client-key';

/** How the tokens of an upstream are had. Secrets are in the vault: see ClientSecretName. */
export interface UpstreamOauth {
  /** One of PROVIDER_PRESETS; null: its metadata says it all. */
  readonly preset: string | null;
  /** The one provider that is used; null: the one that the upstream's metadata names first, which is then kept. */
  readonly issuer: string | null;
  /** Registered at the provider by hand; null: the gateway registers itself. */
  readonly client: { readonly id: string; readonly authMethod: ClientAuthMethod } | null;
  /** Exactly these; null: what the upstream asks for, else what its metadata lists, else none. */
  readonly scopes: readonly string[] | null;
  /** The read-only scopes of the preset. */
  readonly readOnly: boolean;
  /** The `resource` parameter of RFC 8707; null: as the preset says, else true. */
  readonly sendResource: boolean | null;
  /** How far requests for metadata and tokens may go. `loopback` is the switch for development, and allows http there. */
  readonly reach: 'public' | 'internal' | 'loopback';
  /** Of `token-exchange`; else null. */
  readonly exchange: UpstreamExchange | null;
}

export interface UpstreamExchange {
  readonly grant: 'token-exchange' | 'id-jag';
  /** Who vouches for the person: the gateway with a token that it signs, or an identity provider with its ID token. */
  readonly subject: 'gateway' | 'identity-provider';
  /** Name of that identity provider; null when it is the gateway. */
  readonly provider: string | null;
  /** `audience` of the exchange; null: none is sent. */
  readonly audience: string | null;
}

/** Whether every principal has a credential of their own there, so that nobody else's may ever be used. */
export const isPersonal = ({ kind }: Pick<UpstreamAuth, 'kind'>): boolean =>
  kind === 'headers-per-user' || kind === 'oauth-per-user' || kind === 'token-exchange';

export const isOauth = (auth: UpstreamAuth): auth is UpstreamOauthAuth => 'oauth' in auth;

const AUTHORIZATION = ['Authorization'];

/** Names of the headers that the credential travels in. */
export const credentialHeaders = (auth: UpstreamAuth): readonly string[] => {
  if (isOauth(auth)) return AUTHORIZATION;
  return auth.kind === 'none' ? [] : auth.names;
};

/** Streamable HTTP, of either era. `sse` is the deprecated HTTP+SSE transport of 2024-11-05. */
export interface HttpUpstream extends UpstreamBase {
  readonly transport: 'http' | 'sse';
  readonly url: string;
  /** Header that tells it who calls, in a statement that the gateway signs (a JWT); null: it is not told. */
  readonly identityHeader: string | null;
}

export interface StdioUpstream extends UpstreamBase {
  readonly transport: 'stdio';
  /** argv; run without a shell. */
  readonly command: readonly [string, ...string[]];
  /** May refer to `${env:NAME}` and `${vault:NAME}`; nothing else of the gateway's environment is passed on. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  /** `shared`: one process for everybody. `session`: one for each client session, which may then ask the client back. */
  readonly isolation: 'shared' | 'session';
}

export type Upstream = HttpUpstream | StdioUpstream;
