import { toAppError } from '../../errors/app-error.ts';
import type { Upstream } from '../../model/upstream.ts';
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

  /** Joins what is under way. */
  function fetchOnce(request: RefreshRequest): Promise<WarmToken> {
    const key = connectionKey(request.upstream.name, request.owner);
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

  /** A token other than the one that was refused. */
  async function another(upstream: OauthUpstream, owner: ConnectionOwner, used: WarmToken): Promise<WarmToken> {
    const key = connectionKey(upstream.name, owner);
    const isOther = (token: WarmToken | undefined): token is WarmToken =>
      token !== undefined && !isSameVersion(token.version, used.version) && now() < token.deadAt;
    const known = warm.get(key);
    if (isOther(known)) return known;
    // What is under way may bring the very token that was refused.
    const underWay = await flights.get(key)?.catch(() => undefined);
    if (isOther(underWay)) return underWay;
    if (used.afterRefusal && now() - used.obtainedAt < REFUSED_PAUSE_MS) {
      throw tokenRefused(upstream.name, 'refuses a token that its provider has just issued. Ask whoever runs it.');
    }
    return fetchOnce({ upstream, owner, isStale: isVersion(used.version), refused: true });
  }

  return {
    of(upstream: Upstream, principal: CredentialOwner | undefined): Credential | Promise<Credential> {
      const owner = owned(upstream, principal);
      const token = warm.get(connectionKey(upstream.name, owner));
      if (token !== undefined && upstream.transport !== 'stdio' && token.url === upstream.url) {
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

    /** A new token whatever the age of the present one, as somebody asked for it. */
    async refreshNow(upstream: OauthUpstream, owner: ConnectionOwner): Promise<void> {
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

const isVersion =
  (version: SecretVersion) =>
  (found: FoundTokens): boolean =>
    isSameVersion(version, found.version);

const isWarmToken = (credential: Credential): credential is WarmToken => 'grantId' in credential;
