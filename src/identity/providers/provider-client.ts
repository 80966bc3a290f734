import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  type CustomFetch,
  clockTolerance,
  customFetch,
  discovery,
  type ExportedJWKSCache,
  enableNonRepudiationChecks,
  getJwksCache,
  None,
  ResponseBodyError,
  type ServerMetadata,
  setJwksCache,
  WWWAuthenticateChallengeError,
} from 'openid-client';
import type { IdentityProviderSettings } from '../../config/issuer-schemas.ts';
import { AppError } from '../../errors/app-error.ts';
import { isLoopbackHost } from '../../lib/loopback.ts';
import { asFetch } from '../../lib/safe-fetch.ts';
import type { Secret } from '../../lib/secret.ts';

const HOUR = 3_600_000;
/** Providers with many keys and long lists of endpoints stay far below. */
const MAX_BYTES = 512 * 1024;
const TIMEOUT_MS = 8000;
const LEEWAY_SECONDS = 60;

type Reveal = (configured: Secret) => Promise<Secret>;

export interface ProviderClient {
  readonly settings: IdentityProviderSettings;
  /** What the provider says about itself, with our client; read anew every hour, and from the last time if that fails. */
  configuration(): Promise<Configuration>;
  /** Keeps the keys that were read on the way. */
  rememberKeys(used: Configuration): void;
  /** Reads everything anew the next time: the provider refused our client, or a secret changed. */
  forget(): void;
}

interface Known {
  readonly server: ServerMetadata;
  readonly secret: Secret | undefined;
  readonly until: number;
}

/**
 * One identity provider. Its URLs come from the operator and from its own metadata: they may be in a private network, and on
 * this machine if the issuer is.
 */
export function createProviderClient(
  settings: IdentityProviderSettings,
  reveal: Reveal,
  now: () => number,
): ProviderClient {
  let known: Known | undefined;
  let keys: ExportedJWKSCache | undefined;
  let loading: Promise<Known> | undefined;

  async function load(): Promise<Known> {
    try {
      known = { ...(await readProvider(settings, reveal)), until: now() + HOUR };
      return known;
    } catch (error) {
      if (known !== undefined) return known;
      throw error;
    } finally {
      loading = undefined;
    }
  }

  return {
    settings,
    async configuration() {
      if (known === undefined || known.until <= now()) loading ??= load();
      const { server, secret } = loading === undefined ? known! : await loading;
      const configuration = configure(
        new Configuration(server, settings.clientId, CLIENT, authentication(secret)),
        settings,
      );
      if (keys !== undefined) {
        // The library waits for a minute before it looks for a key that it does not know, which is meant for tokens that
        // anybody can send. Ours come from the provider itself, so a key that was just rotated is looked for at once.
        setJwksCache(configuration, { ...keys, uat: Math.min(keys.uat, Math.floor(Date.now() / 1000) - 60) });
      }
      return configuration;
    },
    rememberKeys(used) {
      keys = getJwksCache(used) ?? keys;
    },
    forget() {
      known = undefined;
    },
  };
}

/**
 * Whether an error of the token endpoint says that the provider does not accept our client. It says so in the body, or by a
 * challenge where the secret went in the header (RFC 6749 §5.2); the library tells of the challenge alone then.
 */
export const refusesClient = (error: unknown): boolean =>
  error instanceof WWWAuthenticateChallengeError ||
  (error instanceof ResponseBodyError && (error.error === 'invalid_client' || error.error === 'unauthorized_client'));

const CLIENT = { [clockTolerance]: LEEWAY_SECONDS };

/** Throws AppError `identity_provider_failed`; its cause says what was wrong. */
export async function discover(settings: IdentityProviderSettings, reveal: Reveal): Promise<Configuration> {
  const { server, secret } = await readProvider(settings, reveal);
  return configure(new Configuration(server, settings.clientId, CLIENT, authentication(secret)), settings);
}

async function readProvider(settings: IdentityProviderSettings, reveal: Reveal): Promise<Omit<Known, 'until'>> {
  try {
    const issuer = new URL(settings.issuer);
    const secret = settings.clientSecret === undefined ? undefined : await reveal(settings.clientSecret);
    const found = await discovery(issuer, settings.clientId, CLIENT, None(), {
      [customFetch]: fetchFor(settings),
      execute: isPlain(settings) ? [allowInsecureRequests] : [],
      timeout: TIMEOUT_MS / 1000,
    });
    const server = found.serverMetadata();
    checkMetadata(server, settings);
    return { server, secret };
  } catch (error) {
    throw new AppError('identity_provider_failed', undefined, { cause: error });
  }
}

function configure(configuration: Configuration, settings: IdentityProviderSettings): Configuration {
  configuration[customFetch] = fetchFor(settings);
  configuration.timeout = TIMEOUT_MS / 1000;
  // ID tokens are checked with the provider's keys, although they come straight from it.
  enableNonRepudiationChecks(configuration);
  if (isPlain(settings)) allowInsecureRequests(configuration);
  return configuration;
}

const isPlain = ({ issuer }: IdentityProviderSettings): boolean => issuer.startsWith('http:');

function fetchFor({ issuer }: IdentityProviderSettings): CustomFetch {
  const reach = isLoopbackHost(new URL(issuer).hostname) ? 'loopback-too' : 'internal';
  const fetchSafely = asFetch({ reach, maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS });
  return (url, { method, headers, body, signal }) =>
    fetchSafely(url, {
      method,
      headers,
      ...(body != null && { body: body as NonNullable<RequestInit['body']> }),
      ...(signal && { signal }),
    });
}

/** The secret goes the way that the provider's metadata asks for; in the header where there is a choice. */
function authentication(secret: Secret | undefined): ClientAuth {
  if (secret === undefined) return None();
  return (server, client, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const method = methods.includes('client_secret_basic') ? ClientSecretBasic : ClientSecretPost;
    return method(secret.reveal())(server, client, body, headers);
  };
}

/** Endpoints that a browser is sent to must be web pages: nothing else of the person's machine is opened (CVE-2025-6514). */
function checkMetadata(server: ServerMetadata, settings: IdentityProviderSettings): void {
  if (server.issuer !== settings.issuer) {
    throw new Error(`The metadata names the issuer "${server.issuer}". Write exactly that into the configuration.`);
  }
  for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri', 'end_session_endpoint'] as const) {
    const url = server[name];
    if (url === undefined) {
      if (name !== 'end_session_endpoint') throw new Error(`The metadata has no ${name}.`);
      continue;
    }
    const protocol = URL.canParse(url) ? new URL(url).protocol : '';
    if (protocol !== 'https:' && !(isPlain(settings) && protocol === 'http:'))
      throw new Error(`The ${name} is no https URL.`);
  }
  if (server.code_challenge_methods_supported?.includes('S256') === false) {
    throw new Error('The provider does not support PKCE with S256.');
  }
}
