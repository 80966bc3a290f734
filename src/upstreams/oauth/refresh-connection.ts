import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createLimiter } from '../../lib/limiter.ts';
import { releaseLease, takeLease } from '../../store/connection-leases.ts';
import { findConnection, type UpstreamConnection } from '../../store/upstream-connections.ts';
import { createTokenRequest } from './ask-for-tokens.ts';
import { tokenUnavailable } from './connection-errors.ts';
import { type ConnectionOwner, connectionKey } from './connection-owner.ts';
import { type ConnectionTokens, refreshedTokens, revocationServer, tokensRef } from './connection-tokens.ts';
import type { ConnectionsContext } from './connections-context.ts';
import { createLeaseWatch } from './lease-watch.ts';
import { type LinkFor, type LoadedConnection, loadConnection } from './load-connection.ts';
import { createRefreshNotes } from './note-refresh.ts';
import { persist } from './persist.ts';
import type { Provider } from './provider/provider.ts';
import { ProviderFailure } from './provider/provider-failure.ts';
import { deadAt, isLeaseOn, LEASE_MS, MAX_WAIT_MS } from './refresh-schedule.ts';
import { createTokenSaver } from './save-tokens.ts';
import type { UpstreamClients } from './upstream-clients.ts';
import { AFTER_REFUSAL_AGE_MS, type OauthUpstream, type UpstreamProviders } from './upstream-providers.ts';
import { type FoundTokens, isSameVersion, type WarmToken, type WarmTokens } from './warm-tokens.ts';

/**
 * At once, per process and upstream: a thousand tokens that end together must not become a thousand connections to the
 * provider, and one that hangs must not hold up the others.
 */
const CONCURRENT = 16;
/** The database is read without waiting for anything: between so many, others get their turn. */
const CONCURRENT_LOADS = 16;
/** How often somebody else may be faster. */
const ATTEMPTS = 10;

export interface RefreshRequest {
  readonly upstream: OauthUpstream;
  readonly owner: ConnectionOwner;
  /** Whether these tokens, which live, are not wanted all the same. Absent: any that live will do. */
  readonly isStale?: ((found: FoundTokens) => boolean) | undefined;
  /** The upstream refused them before their time. */
  readonly refused: boolean;
}

export interface RefreshParts {
  readonly providers: UpstreamProviders;
  readonly clients: UpstreamClients;
  readonly warm: WarmTokens;
  readonly linkFor: LinkFor;
  /** Tokens that nobody will use: their connection ended while they were fetched. */
  readonly giveBack: (upstream: string, owner: ConnectionOwner, tokens: ConnectionTokens) => Promise<void>;
}

/**
 * Gets tokens that live. Of all processes on one database one asks the provider for a grant at a time: it holds a lease on
 * the row, which is written before the provider is asked. What the provider gives is in the vault before anybody uses it.
 *
 * A lease whose time is over while it still stands there means that its process died between the two, and that the provider
 * may have replaced the refresh token. The old one is tried once more (providers repeat their answer for a while, or never
 * got the request); when it is refused, the person has to connect again. Both ends are final: nothing is tried in a loop.
 *
 * Leases compare the clocks of the machines that share the database: these must not differ by more than some seconds.
 */
export function createRefresher(context: ConnectionsContext, parts: RefreshParts) {
  const { db, vault, log, now } = context;
  const { providers, warm, linkFor } = parts;
  const watch = createLeaseWatch(context);
  const saver = createTokenSaver(context);
  const notes = createRefreshNotes(context, { warm, linkFor });
  const askForTokens = createTokenRequest(context, parts.clients);
  const loading = createLimiter(CONCURRENT_LOADS);
  const asking = new Map<string, ReturnType<typeof createLimiter>>();
  const process = randomBytes(6).toString('hex');
  let leases = 0;

  /** Rejects with AppError, as `Connections.of` does. */
  async function refresh(request: RefreshRequest): Promise<WarmToken> {
    const { upstream, owner, isStale } = request;
    const key = connectionKey(upstream.name, owner);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (!(await saver.settled(key))) {
        throw tokenUnavailable(upstream.name, 'The gateway got a new one and cannot store it. Its log says why.');
      }
      const loaded = await loading(async () => {
        await nextTurn();
        return persist(() => loadConnection(context, upstream, owner, linkFor));
      });
      if (now() < deadAt(loaded.tokens) && !isStale?.(loaded)) return warm.put(key, loaded);
      const got = await pacedFor(upstream.name)(() => tryToRefresh(request, loaded));
      if (got !== null) return got;
      await watch.free(key);
    }
    throw tokenUnavailable(upstream.name, 'Other processes are refreshing it. Try again in a moment.');
  }

  function pacedFor(upstream: string): ReturnType<typeof createLimiter> {
    const known = asking.get(upstream) ?? createLimiter(CONCURRENT);
    asking.set(upstream, known);
    return known;
  }

  /** Null when somebody else was faster: look again. */
  async function tryToRefresh(request: RefreshRequest, loaded: LoadedConnection): Promise<WarmToken | null> {
    const { name } = request.upstream;
    const { tokens } = loaded;
    const seen = await persist(() => findConnection(db, loaded.row));
    if (seen === null || seen.grantId !== tokens.grantId || isHeld(seen, now())) return null;
    if (tokens.refreshToken === null) {
      const why = new ProviderFailure('invalid_grant', 'The token is over, and there is no refresh token.');
      throw await notes.failed(seen, why, { lease: null });
    }
    // What lies further ahead was written before the clock was set back.
    if (seen.retryAt !== null && seen.retryAt > now() && seen.retryAt <= now() + MAX_WAIT_MS) {
      throw tokenUnavailable(name, seen.lastError ?? 'Refreshing it has failed. It is tried again soon.');
    }
    // Found before the lease is taken, which then covers one request only.
    const provider = await providerOf(request, tokens).catch(async (error: unknown) => {
      throw await notes.failed(seen, error, { lease: null });
    });
    const by = `${process}:${++leases}`;
    const held = await persist(() => takeLease(db, seen, { by, until: now() + LEASE_MS }));
    if (held === null) return null;
    const cutShort = seen.leaseBy !== null;
    let next: ConnectionTokens;
    try {
      if (await isReplaced(held, loaded)) return await giveUp(held, by);
      const { set, client } = await askForTokens(request.upstream, provider, tokens);
      const server = revocationServer(provider);
      next = refreshedTokens(tokens, set, { client, server, now: now(), afterRefusal: request.refused });
    } catch (error) {
      // Whoever took this process for dead may have refreshed meanwhile.
      if (await isReplaced(held, loaded).catch(() => false)) return giveUp(held, by);
      throw await notes.failed(held, error, { lease: by, cutShort });
    }
    return store(request, held, by, loaded, next);
  }

  async function providerOf({ upstream, refused }: RefreshRequest, { issuer }: ConnectionTokens): Promise<Provider> {
    const provider = await providers.of(upstream, refused ? AFTER_REFUSAL_AGE_MS : undefined);
    if (provider.issuer === issuer) return provider;
    throw new ProviderFailure('changed_issuer', 'The upstream names another provider than when it was connected.');
  }

  /** Whether the vault holds other tokens by now, or none. */
  async function isReplaced(held: UpstreamConnection, { version }: LoadedConnection): Promise<boolean> {
    const current = await vault.readStored(tokensRef(held));
    return current === null || !isSameVersion(current, version);
  }

  async function giveUp(held: UpstreamConnection, by: string): Promise<null> {
    await releaseLease(db, held, by).catch((err: unknown) => log.warn({ err }, 'a lease ends by itself'));
    return null;
  }

  /** Durable first, then used. */
  async function store(
    { upstream, owner }: RefreshRequest,
    held: UpstreamConnection,
    by: string,
    { version: replaces }: LoadedConnection,
    next: ConnectionTokens,
  ): Promise<WarmToken | null> {
    const key = connectionKey(upstream.name, owner);
    const version = await saver.save({ key, ref: held, by, replaces, tokens: next }).catch((error: unknown) => {
      throw tokenUnavailable(upstream.name, 'The gateway got a new one and cannot store it.', error);
    });
    if (version === null) {
      const current = await persist(() => findConnection(db, held));
      // Connected anew meanwhile: the provider may count both as one grant, so this one is left to die of age.
      if (current === null || current.state === 'ending') await parts.giveBack(upstream.name, owner, next);
      return giveUp(held, by);
    }
    await notes.done(held, by, next, version.version);
    return warm.put(key, { tokens: next, version });
  }

  return { refresh, saver, counts: notes.counts };
}

const isHeld = ({ leaseUntil }: UpstreamConnection, now: number): boolean => isLeaseOn(leaseUntil, now);
