import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { AppError } from '../errors/app-error.ts';
import type { SafeFetchAnswer } from '../lib/safe-fetch.ts';

/** Between two attempts to read a key set, whatever asks for it: unknown keys must not become a flood of requests. */
const COOLDOWN_MS = 30_000;
/** After this a key set is read anew, while the old one still serves. */
const FRESH_MS = 10 * 60_000;
/** For so long after that it serves while its issuer cannot be reached. */
const STALE_MS = 60 * 60_000;

export interface IssuerKeysOptions {
  readonly issuer: string;
  /** By default from the metadata of the issuer (OpenID Connect Discovery 1.0, RFC 8414). */
  readonly jwksUri?: string | undefined;
  /** Must be guarded (safeFetch): a metadata document may name any URL. */
  readonly fetch: (url: string) => Promise<SafeFetchAnswer>;
  /** Milliseconds of a clock that never jumps. */
  readonly clock?: (() => number) | undefined;
}

/**
 * The public keys of an issuer, by the `kid` and `alg` of a token alone: `jku`, `x5u`, `x5c` and `jwk` in its header are
 * never looked at. One request serves all who wait.
 *
 * The function that it returns rejects with JWKSNoMatchingKey when the issuer was asked and has no such key, and with
 * `token_issuer_unavailable` when it could not be asked: a key that is new since the last request, less than 30 s ago, is
 * then told apart from a wrong one by trying again, and no client drops a good token for it.
 *
 * Limit: where keys have no `kid`, a replaced key is noticed when the set is read anew, after 10 minutes.
 */
export function createIssuerKeys({
  issuer,
  jwksUri,
  fetch,
  clock = () => performance.now(),
}: IssuerKeysOptions): JWTVerifyGetKey {
  let keys: ReturnType<typeof createLocalJWKSet> | undefined;
  let loadedAt = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let failure: unknown;
  let flight: Promise<void> | undefined;

  async function load(): Promise<void> {
    triedAt = clock();
    try {
      const uri = jwksUri ?? (await discoverJwksUri(issuer, fetch));
      keys = createLocalJWKSet((await fetchJson(uri, fetch)) as unknown as JSONWebKeySet);
      loadedAt = clock();
      failure = undefined;
    } catch (error) {
      failure = error;
    }
  }

  const mayAsk = (): boolean => flight !== undefined || clock() - triedAt >= COOLDOWN_MS;

  function ask(): Promise<void> {
    flight ??= load().finally(() => {
      flight = undefined;
    });
    return flight;
  }

  const unavailable = (cause: unknown): AppError => new AppError('token_issuer_unavailable', undefined, { cause });

  return async (header, token) => {
    const usable = () => keys !== undefined && clock() - loadedAt < FRESH_MS + STALE_MS;
    if (clock() - loadedAt >= FRESH_MS && mayAsk()) {
      const asked = ask();
      if (!usable()) await asked;
    }
    if (!usable()) throw unavailable(failure);
    try {
      return await keys!(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (!mayAsk()) throw unavailable(error);
      await ask();
      if (failure !== undefined) throw unavailable(failure);
      return keys!(header, token);
    }
  };
}

type Fetch = IssuerKeysOptions['fetch'];

async function fetchJson(url: string, fetch: Fetch): Promise<Readonly<Record<string, unknown>>> {
  const { status, text } = await fetch(url);
  if (status !== 200) throw new Error(`${url} answers with status ${status}.`);
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null) throw new Error(`${url} answers with no JSON object.`);
  return parsed as Record<string, unknown>;
}

/** Where an issuer keeps its metadata; OpenID Connect appends the well-known name, RFC 8414 §3 puts it before the path. */
export function metadataUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

async function discoverJwksUri(issuer: string, fetch: Fetch): Promise<string> {
  let failure: unknown;
  for (const url of metadataUrls(issuer)) {
    try {
      const metadata = await fetchJson(url, fetch);
      // RFC 8414 §3.3: another issuer in it means that these are the keys of somebody else.
      if (metadata.issuer !== issuer) throw new Error(`${url} is the metadata of another issuer: ${metadata.issuer}`);
      if (typeof metadata.jwks_uri !== 'string') throw new Error(`${url} has no \`jwks_uri\`.`);
      return metadata.jwks_uri;
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}
