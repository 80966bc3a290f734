import { isLoopbackHost } from '../../lib/loopback.ts';
import { DEVICE_CODE } from '../grant-types.ts';
import type { OidcLibrary } from '../oidc-library.ts';
import { isAppScheme } from './app-schemes.ts';

/** What this server knows of a client that describes itself (RFC 7591 §2): everything else is left out. */
export interface ClientDescription {
  client_name?: string;
  client_uri?: string;
  redirect_uris: string[];
  post_logout_redirect_uris?: string[];
  application_type: 'native' | 'web';
  grant_types: string[];
  response_types: string[];
  token_endpoint_auth_method: string;
  token_endpoint_auth_signing_alg?: string;
  jwks?: { keys: unknown[] };
  jwks_uri?: string;
  dpop_bound_access_tokens?: boolean;
  require_pushed_authorization_requests?: boolean;
  software_id?: string;
  software_version?: string;
}

/** For clients that prove themselves with a key of their own. */
export const CLIENT_KEY_ALGORITHMS = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'];

const MAX_REDIRECTS = 32;
const MAX_URI_LENGTH = 2048;
const MAX_NAME_LENGTH = 256;

/**
 * Reads what a client says about itself, leniently where nothing depends on it: clients register what their library knows,
 * not what this server offers, and may be told what they got instead (RFC 7591 §3.2.1). `scope` is not kept: a client that
 * is bound to the scopes it once knew of could never ask for more. Throws the library's InvalidClientMetadata.
 *
 * @param authMethods what the client may prove itself with; the first one is for those that do not say.
 */
export function readDescription(
  given: Readonly<Record<string, unknown>>,
  { errors }: OidcLibrary,
  { authMethods, deviceFlow }: { readonly authMethods: readonly string[]; readonly deviceFlow: boolean },
): ClientDescription {
  const invalid = (description: string): never => {
    throw new errors.InvalidClientMetadata(description);
  };
  const redirects = readRedirects(given.redirect_uris, invalid);
  const asked = given.token_endpoint_auth_method;
  const method = typeof asked === 'string' && authMethods.includes(asked) ? asked : authMethods[0]!;
  const algorithm = given.token_endpoint_auth_signing_alg;
  return {
    ...texts(given, ['client_name', 'software_id', 'software_version']),
    ...webAddress(given.client_uri),
    redirect_uris: redirects,
    ...readLogoutRedirects(given.post_logout_redirect_uris, invalid),
    // A port of the loopback interface may differ from the registered one for these alone (RFC 8252 §7.3).
    application_type: redirects.some((uri) => !isRemoteRedirect(uri)) ? 'native' : 'web',
    grant_types: readGrantTypes(given.grant_types, deviceFlow, invalid),
    response_types: ['code'],
    token_endpoint_auth_method: method,
    ...(method === 'private_key_jwt' && readKeys(given, invalid)),
    ...(method === 'private_key_jwt' &&
      typeof algorithm === 'string' &&
      CLIENT_KEY_ALGORITHMS.includes(algorithm) && { token_endpoint_auth_signing_alg: algorithm }),
    ...(given.dpop_bound_access_tokens === true && { dpop_bound_access_tokens: true }),
    ...(given.require_pushed_authorization_requests === true && { require_pushed_authorization_requests: true }),
  };
}

/** Whether a redirect leads to a web server, and not to a program or app on the person's own device. */
export function isRemoteRedirect(uri: string): boolean {
  const url = new URL(uri);
  return url.protocol === 'https:' && !isLoopbackHost(url.hostname);
}

type Invalid = (description: string) => never;

function readRedirects(given: unknown, invalid: Invalid, name = 'redirect_uris'): string[] {
  if (!Array.isArray(given) || given.length === 0) return invalid(`${name} must have at least one entry`);
  if (given.length > MAX_REDIRECTS) return invalid(`${name} must have at most ${MAX_REDIRECTS} entries`);
  return given.map((uri: unknown) => {
    if (typeof uri !== 'string' || uri.length > MAX_URI_LENGTH) return invalid(`${name} must hold short strings`);
    const fault = redirectFault(uri);
    return fault === null ? uri : invalid(`${name}: ${fault}`);
  });
}

/** OpenID Connect RP-Initiated Logout 1.0 §3.1. The library says that there are none where a client says nothing. */
function readLogoutRedirects(given: unknown, invalid: Invalid): Partial<ClientDescription> {
  if (given === undefined || (Array.isArray(given) && given.length === 0)) return {};
  return { post_logout_redirect_uris: readRedirects(given, invalid, 'post_logout_redirect_uris') };
}

function redirectFault(uri: string): string | null {
  const url = URL.parse(uri);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  if (url === null || /[\u0000-\u0020\u007f\\*]/.test(uri)) return 'every entry must be a whole URI';
  if (uri.includes('#')) return 'a fragment is not allowed (RFC 6749 section 3.1.2)';
  if (url.username !== '' || url.password !== '') return 'user information is not allowed';
  if (url.protocol === 'https:') return null;
  if (url.protocol === 'http:') {
    return isLoopbackHost(url.hostname) ? null : 'http is for loopback only, use https (RFC 8252 section 7.3)';
  }
  return isAppScheme(url.protocol)
    ? null
    : 'use https, a loopback address, or an app scheme that begins with a domain in reverse, such as com.example.app:';
}

function readGrantTypes(given: unknown, deviceFlow: boolean, invalid: Invalid): string[] {
  if (given === undefined) return ['authorization_code', 'refresh_token'];
  const offered = ['authorization_code', 'refresh_token', ...(deviceFlow ? [DEVICE_CODE] : [])];
  const kept = Array.isArray(given) ? offered.filter((type) => given.includes(type)) : [];
  if (kept.includes('authorization_code')) return kept;
  return invalid(
    'grant_types must include authorization_code. Clients that act on their own behalf are set up by an operator of the gateway',
  );
}

function readKeys(given: Readonly<Record<string, unknown>>, invalid: Invalid): Partial<ClientDescription> {
  const { jwks, jwks_uri: uri } = given;
  const isSet = typeof jwks === 'object' && jwks !== null && Array.isArray((jwks as { keys?: unknown }).keys);
  if (isSet && uri === undefined) return { jwks: jwks as { keys: unknown[] } };
  if (jwks === undefined && typeof uri === 'string' && URL.parse(uri)?.protocol === 'https:') return { jwks_uri: uri };
  return invalid('private_key_jwt needs either jwks, a key set, or jwks_uri, an https URL');
}

function texts(given: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of names) {
    const value = given[name];
    if (typeof value === 'string' && value !== '' && !value.includes('\0'))
      kept[name] = value.slice(0, MAX_NAME_LENGTH);
  }
  return kept;
}

function webAddress(given: unknown): { client_uri?: string } {
  if (typeof given !== 'string' || given.length > MAX_URI_LENGTH) return {};
  const url = URL.parse(given);
  return url?.protocol === 'https:' ? { client_uri: url.href } : {};
}
