import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Quirks } from './oauth-provider-behaviours.ts';

export type Json = Record<string, unknown>;

export type Endpoint = 'metadata' | 'authorize' | 'token' | 'register' | 'revoke' | 'userinfo' | 'other';

/** One request that the fake provider got. */
export interface ProviderRequest {
  readonly endpoint: Endpoint;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Of the query or the form. */
  readonly params: URLSearchParams;
  /** A body of JSON. */
  readonly body: Readonly<Json> | undefined;
}

/** What a test may do to answers; each gets what would be said and returns what is said. */
export interface Tamper {
  metadata?: ((document: Json) => Json) | undefined;
  /** The URL that the browser is sent back to. */
  callback?: ((url: URL) => URL) | undefined;
  token?: ((answer: Json, params: URLSearchParams) => Json | Promise<Json>) | undefined;
  registration?: ((answer: Json) => Json) | undefined;
}

interface Place {
  /** Of the issuer below its origin. */
  readonly path: string;
  readonly quirks: Quirks;
}

export async function receiveRequest(request: IncomingMessage, place: Place): Promise<ProviderRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const url = new URL(request.url!, 'http://fake');
  const isJson = request.headers['content-type']?.startsWith('application/json') && text !== '';
  const params = new URLSearchParams(url.search);
  if (!isJson) for (const [name, value] of new URLSearchParams(text)) params.append(name, value);
  const { method, headers } = request;
  const endpoint = endpointOf(url.pathname, place);
  return {
    endpoint,
    method: method!,
    path: url.pathname,
    headers,
    params,
    body: isJson ? JSON.parse(text) : undefined,
  };
}

function endpointOf(pathname: string, { path, quirks }: Place): Endpoint {
  // RFC 8414 inserts the well-known part before the path of the issuer; OpenID Connect Discovery appends it.
  const metadata = {
    oauth: `/.well-known/oauth-authorization-server${path}`,
    oidc: `${path}/.well-known/openid-configuration`,
    none: undefined,
  };
  if (pathname === metadata[quirks.metadata]) return 'metadata';
  const below = pathname.startsWith(path) ? pathname.slice(path.length) : undefined;
  const names = ['authorize', 'token', 'register', 'revoke', 'userinfo'] as const;
  return names.find((name) => quirks.paths[name] != null && quirks.paths[name] === below) ?? 'other';
}

/** The metadata document of RFC 8414. */
export function describeProvider(
  issuer: string,
  quirks: Quirks,
  more: { scopes: readonly string[]; dcr: boolean; cimd: boolean; grantTypes: readonly string[] },
): Json {
  const at = (below: string | null | undefined): string | undefined =>
    below == null ? undefined : `${issuer}${below}`;
  const { paths } = quirks;
  const document = {
    issuer,
    authorization_endpoint: at(paths.authorize),
    token_endpoint: at(paths.token),
    registration_endpoint: more.dcr ? at(paths.register) : undefined,
    revocation_endpoint: at(paths.revoke),
    userinfo_endpoint: at(paths.userinfo),
    jwks_uri: quirks.metadata === 'oidc' ? `${issuer}/keys` : undefined,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token', ...more.grantTypes],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: quirks.authMethods,
    scopes_supported: more.scopes,
    authorization_response_iss_parameter_supported: quirks.iss ? true : undefined,
    client_id_metadata_document_supported: more.cimd ? true : undefined,
    ...quirks.members,
  };
  return JSON.parse(JSON.stringify(document)) as Json;
}

/** Why an authorization request is answered with an error; null: it is fine. */
export function refuseAuthorization(
  params: URLSearchParams,
  { pkce }: Quirks,
  deny: string | undefined,
): { error: string; description: string } | null {
  if (deny !== undefined) return { error: deny, description: 'The person said no.' };
  if (params.get('response_type') !== 'code') return { error: 'unsupported_response_type', description: 'only code' };
  const challenge = params.get('code_challenge') ?? '';
  if (pkce === 'optional' && challenge === '') return null;
  const good = params.get('code_challenge_method') === 'S256' && /^[\w-]{43}$/.test(challenge);
  return good ? null : { error: 'invalid_request', description: 'PKCE with S256 is needed' };
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
  response.end(JSON.stringify(body));
}
