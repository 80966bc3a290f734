import type { AuthorizationServer } from 'oauth4webapi';
import * as z from 'zod';
import type { UpstreamOauth } from '../../../model/upstream.ts';
import { allowedEndpoint } from './allowed-endpoint.ts';
import { type Document, fetchDocument } from './fetch-document.ts';
import type { ProviderFetch } from './provider.ts';
import { ProviderFailure, quoted } from './provider-failure.ts';

const Text = z.string().max(2048);
const List = z.array(z.string().max(256)).max(500);

/** RFC 8414 §2, as much of it as is used. Everything else is dropped, so that nothing unchecked is ever acted upon. */
const ServerMetadataSchema = z.object({
  issuer: Text,
  authorization_endpoint: Text.optional(),
  token_endpoint: Text,
  registration_endpoint: Text.optional(),
  revocation_endpoint: Text.optional(),
  userinfo_endpoint: Text.optional(),
  scopes_supported: List.optional(),
  response_types_supported: List.optional(),
  grant_types_supported: List.optional(),
  code_challenge_methods_supported: List.optional(),
  token_endpoint_auth_methods_supported: List.optional(),
  token_endpoint_auth_signing_alg_values_supported: List.optional(),
  authorization_response_iss_parameter_supported: z.boolean().optional(),
  client_id_metadata_document_supported: z.boolean().optional(),
  authorization_grant_profiles_supported: List.optional(),
});

const ENDPOINTS = [
  'authorization_endpoint',
  'token_endpoint',
  'registration_endpoint',
  'revocation_endpoint',
  'userinfo_endpoint',
] as const;

interface Options {
  readonly reach: UpstreamOauth['reach'];
  readonly fetch: ProviderFetch;
  /** What the metadata has to say instead of the name that it was looked for by. */
  readonly issuerOf?: Readonly<Record<string, string>> | undefined;
  /**
   * Also another issuer of the same origin will do. For upstreams of 2025-03-26, which are looked up by their origin and
   * not by a name: servers of that time named themselves by where their endpoints are.
   */
  readonly byOrigin?: boolean | undefined;
}

/**
 * Gets the metadata of a provider: RFC 8414, then OpenID Connect Discovery with its path inserted, then appended
 * (2025-11-25, "Authorization Server Metadata Discovery"). What says another issuer, even by a slash, is not used
 * (RFC 8414 §3.3). Null: there is none.
 *
 * @throws ProviderFailure `metadata` when all that is found is unusable; `transient`
 */
export async function findServerMetadata(
  issuer: string,
  options: Options,
): Promise<{ server: AuthorizationServer; via: string } | null> {
  const expected = options.issuerOf?.[issuer] ?? issuer;
  let failure: ProviderFailure | null = null;
  for (const place of placesOf(issuer, options.reach)) {
    const document = await fetchDocument(place, options.fetch);
    if (document === null) continue;
    try {
      return { server: readServerMetadata(document, expected, options), via: place.href };
    } catch (error) {
      // The next place may have the right one: some servers answer with the metadata of their root everywhere.
      failure ??= error as ProviderFailure;
    }
  }
  if (failure !== null) throw failure;
  return null;
}

function placesOf(issuer: string, reach: UpstreamOauth['reach']): URL[] {
  const url = allowedEndpoint(issuer, reach);
  if (url === null || url.search !== '') {
    throw new ProviderFailure('metadata', `${quoted(issuer)} is not used as a provider: it has to be an https URL.`);
  }
  const path = url.pathname.replace(/\/+$/, '');
  const oauth = `/.well-known/oauth-authorization-server${path}`;
  const inserted = `/.well-known/openid-configuration${path}`;
  const paths = path === '' ? [oauth, inserted] : [oauth, inserted, `${path}/.well-known/openid-configuration`];
  return paths.map((each) => new URL(each, url.origin));
}

function readServerMetadata(document: Document, expected: string, { reach, byOrigin }: Options): AuthorizationServer {
  const read = ServerMetadataSchema.safeParse(document);
  if (!read.success) {
    const member = read.error.issues[0]?.path.join('.') ?? '';
    const detail = `The metadata of ${quoted(expected)} is not as RFC 8414 wants it: look at \`${member}\`.`;
    throw new ProviderFailure('metadata', detail);
  }
  const { issuer } = read.data;
  const sameOrigin = byOrigin === true && allowedEndpoint(issuer, reach)?.origin === expected;
  if (issuer !== expected && !sameOrigin) {
    const detail = `The metadata of ${quoted(expected)} says that it is of ${quoted(issuer)}, so it is not used.`;
    throw new ProviderFailure('metadata', detail);
  }
  for (const endpoint of ENDPOINTS) {
    const value = read.data[endpoint];
    if (value !== undefined && allowedEndpoint(value, reach) === null) {
      const detail = `The metadata of ${quoted(expected)} names ${quoted(value)} as ${endpoint}, which has to be https.`;
      throw new ProviderFailure('metadata', detail);
    }
  }
  return read.data as AuthorizationServer;
}
