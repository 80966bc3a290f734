import { AppError, toAppError } from '../../errors/app-error.ts';
import { createLru } from '../../lib/lru.ts';
import { isOauth, type Upstream } from '../../model/upstream.ts';
import type { SecretVersion } from '../../vault/vault.ts';
import type { CredentialOwner } from '../resolve-credential.ts';
import type { Credential } from '../upstream-connection.ts';
import { connectionRequired, tokenRefused } from './connection-errors.ts';
import { type ConnectionOwner, connectionKey, ownerFor } from './connection-owner.ts';
import type { ConnectionsContext } from './connections-context.ts';
import type { LinkFor } from './load-connection.ts';
import type { Challenge } from './provider/challenge.ts';
import type { RefreshRequest } from './refresh-connection.ts';
import { requireOauthUpstream } from './require-oauth-upstream.ts';
import type { OauthUpstream } from './upstream-providers.ts';
import { type FoundTokens, isSameVersion, type WarmToken, type WarmTokens } from './warm-tokens.ts';

/** While a token is refreshed beside the calls that use it, and after that has failed, it is not tried at every call. */
const AHEAD_PAUSE_MS = 5_000;
/**
 * A token that was fetched because the one before was refused, and is refused as well: for so long nothing is fetched again.
 * It is the upstream that refuses good tokens then, and the provider must not be asked at every call.
 */
const REFUSED_PAUSE_MS = 60_000;

/** A person who asks for a new token without end must not make the provider shut out the gateway, and so everybody. */
const ASKED_PER_MINUTE = 10;
const MAX_ASKED = 10_000;

export interface HandOutParts {
  readonly warm: WarmTokens;
  readonly refresh: (request: RefreshRequest) => Promise<WarmToken>;
  readonly stepUp: (upstream: OauthUpstream, owner: ConnectionOwner, challenge: Challenge) => Promise<never>;
  readonly linkFor: LinkFor;
}

/** Gives calls their tokens. In each process a connection is loaded or refreshed once at a time, however many ask. */
export function createTokenHandOut(context: ConnectionsContext, { warm, refresh, stepUp, linkFor }: HandOutParts) {
  const { log, now } = context;
  const flights = new Map<string, Promise<WarmToken>>();
  const asked = createLru<string, { readonly since: number; times: number }>(MAX_ASKED);

  /** Joins what is under way. */
  function fetchOnce(request: RefreshRequest): Promise<WarmToken> {
    const key = flightKey(request.upstream, request.owner);
    const underWay = flights.get(key);
    if (underWay !== undefined) return underWay;
    const flight = refresh(request)
      .catch((error: unknown) => {
        throw toAppError(error);
      })
      .finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  }

  function refreshBeside(upstream: OauthUpstream, owner: ConnectionOwner, token: WarmToken): void {
    token.renewAt = now() + AHEAD_PAUSE_MS;
    fetchOnce({ upstream, owner, isStale: isVersion(token.version), refused: false }).catch((error: unknown) => {
      log.debug({ err: error, upstream: upstream.name }, 'a token could not be refreshed ahead of its end');
    });
  }

  function owned(upstream: Upstream, principal: CredentialOwner | undefined): ConnectionOwner {
    const owner = ownerFor(upstream.auth, principal);
    if (owner === undefined) throw connectionRequired(upstream.name, undefined, 'not_connected', linkFor);
    return owner;
  }

  function refuseTooMany(key: string): void {
    const time = performance.now();
    let entry = asked.get(key);
    if (entry === undefined || time - entry.since >= 60_000) {
      entry = { since: time, times: 0 };
      asked.set(key, entry);
    }
    if (++entry.times <= ASKED_PER_MINUTE) return;
    throw new AppError('conflict', 'This was refreshed several times within the last minute. Wait a minute.');
  }

  /** A token other than the one that was refused. */
  async function another(upstream: OauthUpstream, owner: ConnectionOwner, used: WarmToken): Promise<WarmToken> {
    const isOther = (token: WarmToken | undefined): token is WarmToken =>
      token !== undefined &&
      isFor(token, upstream) &&
      !isSameVersion(token.version, used.version) &&
      now() < token.deadAt;
    const known = warm.get(connectionKey(upstream.name, owner));
    if (isOther(known)) return known;
    // What is under way may bring the very token that was refused.
    const underWay = await flights.get(flightKey(upstream, owner))?.catch(() => undefined);
    if (isOther(underWay)) return underWay;
    if (used.afterRefusal && Math.abs(now() - used.obtainedAt) < REFUSED_PAUSE_MS) {
      throw tokenRefused(upstream.name, 'refuses a token that its provider has just issued. Ask whoever runs it.');
    }
    return fetchOnce({ upstream, owner, isStale: isVersion(used.version), refused: true });
  }

  return {
    of(upstream: Upstream, principal: CredentialOwner | undefined): Credential | Promise<Credential> {
      const owner = owned(upstream, principal);
      const token = warm.get(connectionKey(upstream.name, owner));
      if (token !== undefined && isFor(token, upstream)) {
        const time = now();
        if (time < token.renewAt) return token;
        if (time < token.deadAt) {
          refreshBeside(requireOauthUpstream(upstream), owner, token);
          return token;
        }
      }
      return fetchOnce({ upstream: requireOauthUpstream(upstream), owner, refused: false });
    },

    async renewed(
      upstream: Upstream,
      principal: CredentialOwner | undefined,
      used: Credential,
      challenge: Challenge,
    ): Promise<Credential> {
      const owner = owned(upstream, principal);
      const oauth = requireOauthUpstream(upstream);
      if (challenge.status === 403) return stepUp(oauth, owner, challenge);
      if (!isWarmToken(used)) return fetchOnce({ upstream: oauth, owner, refused: false });
      return another(oauth, owner, used);
    },

    /** A new token whatever the age of the present one, as somebody asked for it; not again and again. */
    async refreshNow(upstream: OauthUpstream, owner: ConnectionOwner): Promise<void> {
      refuseTooMany(connectionKey(upstream.name, owner));
      const since = now();
      const { version, obtainedAt } = await fetchOnce({ upstream, owner, refused: false });
      if (obtainedAt < since) await fetchOnce({ upstream, owner, isStale: isVersion(version), refused: false });
    },

    fetchOnce,
    get underWay(): number {
      return flights.size;
    },
  };
}

/** What is fetched for an upstream as it was declared before is nothing for the one of now, nor the other way round. */
const flightKey = ({ name, url, auth }: OauthUpstream, owner: ConnectionOwner): string =>
  `${connectionKey(name, owner)}\n${url}\n${auth.oauth.issuer ?? ''}`;

/** Not when the upstream was given another address or provider since, which `loadConnection` tells about. */
const isFor = (token: WarmToken, upstream: Upstream): boolean =>
  upstream.transport !== 'stdio' &&
  token.url === upstream.url &&
  isOauth(upstream.auth) &&
  (upstream.auth.oauth.issuer ?? token.issuer) === token.issuer;

const isVersion =
  (version: SecretVersion) =>
  (found: FoundTokens): boolean =>
    isSameVersion(version, found.version);

const isWarmToken = (credential: Credential): credential is WarmToken => 'grantId' in credential;
