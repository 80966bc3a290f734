import * as oauth from 'oauth4webapi';
import * as z from 'zod';
import { isLoopbackHost } from '../../../lib/loopback.ts';
import { Secret } from '../../../lib/secret.ts';
import type { ClientAuthMethod, UpstreamOauth } from '../../../model/upstream.ts';
import { allowedEndpoint } from './allowed-endpoint.ts';
import { checkCodeFlow } from './check-code-flow.ts';
import { libraryOptions } from './library-options.ts';
import type { Preset } from './preset.ts';
import type { Provider, ProviderClient, ProviderFetch } from './provider.ts';
import { ProviderFailure, quoted, unanswered } from './provider-failure.ts';
import { readAnswer } from './read-answer.ts';

export interface RegisterOptions {
  readonly provider: Provider;
  readonly oauth: UpstreamOauth;
  readonly preset: Preset | null;
  /** Registered by hand; always used when there is one. */
  readonly configured: ProviderClient | null;
  /** Of the document in which the gateway describes itself; null: there is none that a provider could fetch. */
  readonly metadataDocumentUrl: string | null;
  readonly redirectUri: string;
  readonly fetch: ProviderFetch;
}

/**
 * Gets a client for a provider, in the order of 2026-07-28, "Client Registration": registered by hand, described by our
 * own document where the provider takes that, registered dynamically (RFC 7591). It is bound to the issuer from then on.
 *
 * @throws ProviderFailure `registration` with what an administrator has to do; `changed_issuer`, `metadata`, `transient`
 */
export async function registerClient(options: RegisterOptions): Promise<ProviderClient> {
  const { provider, configured, metadataDocumentUrl, oauth: settings } = options;
  if (configured !== null) return bind(configured, provider);
  checkCodeFlow(provider);
  const { server } = provider;
  if (server.client_id_metadata_document_supported === true && metadataDocumentUrl !== null) {
    // The document has to be at an https URL with a path; http is for development.
    if (allowedEndpoint(metadataDocumentUrl, settings.reach) !== null) {
      const plain = { secret: null, key: null, secretExpiresAt: null, issuer: null };
      return { ...plain, id: metadataDocumentUrl, authMethod: 'none', source: 'metadata-document' };
    }
  }
  if (server.registration_endpoint !== undefined) return registerDynamically(options);
  const detail = `${quoted(provider.issuer)} lets no client register itself. Register one there with redirect URI ${options.redirectUri} and set \`clientId\`.`;
  throw new ProviderFailure('registration', detail);
}

function bind(configured: ProviderClient, provider: Provider): ProviderClient {
  if (configured.issuer === null || configured.issuer === provider.issuer) {
    return { ...configured, issuer: provider.issuer };
  }
  const detail = `The client was registered at ${quoted(configured.issuer)}, but the provider is now ${quoted(provider.issuer)}.`;
  throw new ProviderFailure('changed_issuer', detail);
}

/** RFC 7591 §3.2.1. Expiry is required beside a secret, but often missing. */
const RegisteredSchema = z.object({
  client_id: z.string().min(1).max(2048),
  client_secret: z.string().max(4096).nullish(),
  client_secret_expires_at: z.coerce.number().int().nonnegative().nullish().catch(null),
  token_endpoint_auth_method: z.string().nullish(),
});

/** The gateway can keep a secret; it goes without where the provider wants that. */
const METHODS = ['client_secret_basic', 'client_secret_post', 'none'] as const;
type DynamicMethod = (typeof METHODS)[number];

async function registerDynamically(options: RegisterOptions): Promise<ProviderClient> {
  const { provider, preset, redirectUri, fetch, oauth: settings } = options;
  const asked = methodFor(provider, preset);
  const body = await register(
    options,
    {
      client_name: 'Toolgate',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: asked,
      // Without it, providers with OpenID Connect refuse redirect URIs on this machine.
      application_type: isLoopbackHost(new URL(redirectUri).hostname) ? 'native' : 'web',
    },
    libraryOptions(settings.reach, fetch),
  );
  const read = RegisteredSchema.safeParse(body);
  if (!read.success) throw new ProviderFailure('protocol', `${quoted(provider.issuer)} registers without a client id.`);
  const { client_id: id, client_secret: secret, client_secret_expires_at: expires } = read.data;
  const authMethod = methodOf(read.data.token_endpoint_auth_method ?? asked, provider);
  if (authMethod !== 'none' && !secret) {
    throw new ProviderFailure(
      'protocol',
      `${quoted(provider.issuer)} registers a client with ${authMethod} but without a secret.`,
    );
  }
  return {
    id,
    authMethod,
    secret: authMethod !== 'none' && secret ? new Secret(secret) : null,
    key: null,
    source: 'dynamic',
    secretExpiresAt: secret && expires ? expires * 1000 : null,
    issuer: provider.issuer,
  };
}

function methodFor({ server, issuer }: Provider, preset: Preset | null): ClientAuthMethod {
  // RFC 8414 §2: what is not listed is client_secret_basic.
  const listed = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  const method = preset?.registerAs ?? METHODS.find((each) => listed.includes(each));
  if (method !== undefined) return method;
  const detail = `${quoted(issuer)} takes clients only with ${quoted(listed.join(', '))}. Register one there and set \`clientId\`.`;
  throw new ProviderFailure('registration', detail);
}

function methodOf(method: string, { issuer }: Provider): DynamicMethod {
  const known = METHODS.find((each) => each === method);
  if (known !== undefined) return known;
  throw new ProviderFailure(
    'registration',
    `${quoted(issuer)} wants ${quoted(method)}. Register a client there and set \`clientId\`.`,
  );
}

/** Nothing but what RFC 7591 knows goes in: Keycloak refuses bodies with anything else, such as `resource`. */
async function register(
  { provider, redirectUri }: RegisterOptions,
  metadata: Parameters<typeof oauth.dynamicClientRegistrationRequest>[1],
  library: ReturnType<typeof libraryOptions>,
): Promise<Readonly<Record<string, unknown>>> {
  const who = quoted(provider.issuer);
  const response = await oauth.dynamicClientRegistrationRequest(provider.server, metadata, library).catch((error) => {
    throw unanswered(error, `The registration of ${who}`);
  });
  const { status, body, error, description } = await readAnswer(response, `The registration of ${who}`);
  if (status < 300 && body !== null && error === null) return body;
  const why = error === null ? `answer ${status}` : quoted([error, description].filter(Boolean).join(': '));
  // What to do comes first: the message may be cut.
  throw new ProviderFailure(
    'registration',
    `Register a client at ${who} with redirect URI ${redirectUri} and set \`clientId\`. It refused: ${why}.`,
  );
}
