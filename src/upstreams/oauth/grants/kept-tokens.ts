import type { AppError } from '../../../errors/app-error.ts';
import type { Logger } from '../../../http/logger.ts';
import { createLru } from '../../../lib/lru.ts';
import { Secret } from '../../../lib/secret.ts';
import { isOauth, isPersonal, type Upstream } from '../../../model/upstream.ts';
import { SHARED } from '../../../vault/vault.ts';
import type { TokenSource } from '../../renewable-credentials.ts';
import type { CredentialOwner } from '../../resolve-credential.ts';
import type { Credential } from '../../upstream-connection.ts';
import { tokenRefused } from '../connection-errors.ts';
import { type ConnectionOwner, connectionKey } from '../connection-owner.ts';
import type { Challenge } from '../provider/challenge.ts';
import type { TokenSet } from '../provider/provider.ts';
import { backOffMs, deadAt, renewAt } from '../refresh-schedule.ts';
import type { TokenHealth } from '../token-health.ts';
import { isSamePlace } from '../upstream-providers.ts';
import { explainGrantFailure } from './explain-grant-failure.ts';
import { healthOfTokens, isGood } from './health-of-tokens.ts';
import type { ObtainToken } from './obtain-token.ts';

/** An upstream that refuses a token this young refuses the next one as well. */
const TOO_YOUNG_MS = 10_000;
/** What an administrator puts right at the provider is noticed after this. */
const MAX_QUIET_MS = 60_000;

/** What became of a token, for the audit log and metrics. */
export interface TokenEvent {
  readonly what: 'obtained' | 'refreshed' | 'failed';
  readonly upstream: string;
  readonly owner: ConnectionOwner;
  readonly issuer: string | null;
  readonly scopes: readonly string[];
  /** Of a failure: its code in the error catalog. */
  readonly reason: string | null;
}

export interface KeptTokensOptions {
  readonly obtain: ObtainToken;
  readonly onEvent: (event: TokenEvent) => void;
  readonly log: Pick<Logger, 'warn'>;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  readonly random?: (() => number) | undefined;
  /** Tokens kept in memory; 20,000 by default. One that had to leave is got again when it is used. */
  readonly cacheSize?: number | undefined;
}

export interface KeptTokens extends TokenSource {
  /** Forgets the tokens of an upstream: it was changed or removed. */
  forget(upstream: string): void;
  /** Forgets the tokens of a principal who is disabled or removed. */
  endOfPrincipal(principalId: string): void;
  /** Whether the owner has a token there that is good, and none was refused since. */
  works(upstream: string, owner: ConnectionOwner): boolean;
  /** By the name of the upstream, as far as its tokens were used by this process. */
  health(): ReadonlyMap<string, TokenHealth>;
  stats(): KeptTokenStats;
}

export interface KeptTokenStats {
  /** Tokens in memory that are good. */
  readonly warm: number;
  /** Requests under way. */
  readonly obtaining: number;
  /** Since the start: tokens that were got, and requests that failed by their code in the error catalog. */
  readonly obtained: number;
  readonly failed: Readonly<Record<string, number>>;
}

interface Entry {
  /** As it was declared when the tokens were asked for: they go to no other address under the same name. */
  upstream: Upstream;
  readonly owner: ConnectionOwner;
  token: Held | null;
  /** The request that is under way: all who need its result wait for this one. */
  flight: Promise<Credential> | null;
  /** Scopes that the upstream asked for over time. */
  wanted: readonly string[];
  failure: AppError | null;
  failedAt: number;
  failures: number;
  /** Until when the failure stands for further attempts. */
  quietUntil: number;
}

interface Held {
  readonly credential: Credential;
  readonly obtainedAt: number;
  readonly expiresAt: number | null;
  readonly scopes: readonly string[];
  readonly renewAt: number;
  readonly deadAt: number;
}

/**
 * Keeps the tokens in memory alone: whoever has the client's secret or speaks for the person can get another one any time.
 * One request per upstream and owner is under way at once. A token that is used in the last part of its life is replaced
 * behind the calls; one that nobody uses is not. A failure stands for a while that grows with every further one, so that
 * calls do not flood a provider that refuses.
 */
export function createKeptTokens(options: KeptTokensOptions): KeptTokens {
  const { obtain, onEvent, log, now = Date.now, random = Math.random } = options;
  const entries = createLru<string, Entry>(options.cacheSize ?? 20_000);
  const failed: Record<string, number> = {};
  let obtained = 0;

  function entryOf(upstream: Upstream, owner: CredentialOwner | undefined): Entry {
    const whose = isPersonal(upstream.auth) && owner !== undefined ? { kind: owner.kind, id: owner.id } : SHARED;
    const key = connectionKey(upstream.name, whose);
    let entry = entries.get(key);
    if (entry === undefined || !isSamePlace(entry.upstream, upstream)) {
      entry = {
        ...{ upstream, owner: whose, token: null, flight: null, wanted: [] },
        ...{ failure: null, failedAt: 0, failures: 0, quietUntil: 0 },
      };
      entries.set(key, entry);
    }
    // The object of now, so that the next comparison costs nothing.
    entry.upstream = upstream;
    return entry;
  }

  /** Gets a new token; `challenge` is what the upstream answered to the one before. */
  function start(upstream: Upstream, entry: Entry, challenge: Challenge | null): Promise<Credential> {
    const more = challenge?.status === 403 ? [...(entry.token?.scopes ?? []), ...challenge.scopes] : [];
    const wanted = [...new Set([...entry.wanted, ...more])];
    const flight = get(upstream, entry, challenge, wanted).finally(() => {
      if (entry.flight === flight) entry.flight = null;
    });
    entry.flight = flight;
    return flight;
  }

  async function get(
    upstream: Upstream,
    entry: Entry,
    challenge: Challenge | null,
    wanted: readonly string[],
  ): Promise<Credential> {
    const { owner } = entry;
    const known = { upstream: upstream.name, owner };
    try {
      const asked = await obtain({ upstream, owner, challenge, wanted });
      const what = entry.token === null ? 'obtained' : 'refreshed';
      entry.token = hold(asked.tokens, owner, now(), random);
      // Only now: scopes that the provider refuses must not spoil the tokens to come.
      entry.wanted = wanted;
      entry.failure = null;
      entry.failures = 0;
      entry.quietUntil = 0;
      obtained++;
      onEvent({ ...known, what, issuer: asked.issuer, scopes: asked.tokens.scopes, reason: null });
      return entry.token.credential;
    } catch (thrown) {
      const error = explainGrantFailure(upstream.name, owner, thrown);
      entry.failures++;
      entry.failedAt = now();
      failed[error.code] = (failed[error.code] ?? 0) + 1;
      // What a person does about it counts at once.
      const asksPerson = error.code === 'connection_required';
      entry.quietUntil = asksPerson ? 0 : now() + Math.min(MAX_QUIET_MS, backOffMs(entry.failures, random));
      // Once for each kind of trouble, not once for each call.
      if (entry.failure?.message !== error.message) {
        log.warn({ ...known, err: thrown }, 'no token for an upstream');
        onEvent({ ...known, what: 'failed', issuer: null, scopes: [], reason: error.code });
      }
      entry.failure = error;
      throw error;
    }
  }

  return {
    of(upstream, owner) {
      const entry = entryOf(upstream, owner);
      const { token } = entry;
      const time = now();
      if (isGood(token, time)) {
        if (time >= token.renewAt && entry.flight === null && time >= entry.quietUntil) {
          // The present one is still good; what goes wrong here is told when it is not any more.
          start(upstream, entry, null).catch(() => undefined);
        }
        return token.credential;
      }
      if (entry.flight !== null) return entry.flight;
      if (entry.failure !== null && time < entry.quietUntil) return Promise.reject(entry.failure);
      return start(upstream, entry, null);
    },
    renewed(upstream, owner, used, challenge) {
      const entry = entryOf(upstream, owner);
      const { token } = entry;
      if (token !== null && token.credential !== used) return Promise.resolve(token.credential);
      if (entry.flight !== null) return entry.flight;
      const refusal = token === null ? null : refusalOf(upstream, token, challenge, now());
      if (refusal !== null) return Promise.reject(refusal);
      if (entry.failure !== null && now() < entry.quietUntil) return Promise.reject(entry.failure);
      // A token that lacks a scope is good for all else, also while the wider one is not to be had.
      if (challenge.status === 401 && token !== null) entry.token = { ...token, deadAt: 0 };
      return start(upstream, entry, challenge);
    },
    forget(upstream) {
      for (const [key] of entries.entries()) if (key.startsWith(`${upstream}\n`)) entries.delete(key);
      obtain.forget(upstream);
    },
    endOfPrincipal(principalId) {
      for (const [key, { owner }] of entries.entries()) if (owner.id === principalId) entries.delete(key);
    },
    works(upstream, owner) {
      const entry = entries.get(connectionKey(upstream, owner));
      return entry !== undefined && entry.failure === null && isGood(entry.token, now());
    },
    health() {
      const byUpstream = new Map<string, Entry[]>();
      for (const [key, entry] of entries.entries()) {
        const upstream = key.slice(0, key.indexOf('\n'));
        const known = byUpstream.get(upstream);
        if (known === undefined) byUpstream.set(upstream, [entry]);
        else known.push(entry);
      }
      const time = now();
      return new Map([...byUpstream].map(([upstream, of]) => [upstream, healthOfTokens(of, time)]));
    },
    stats() {
      let warm = 0;
      let obtaining = 0;
      for (const [, { token, flight }] of entries.entries()) {
        if (isGood(token, now())) warm++;
        if (flight !== null) obtaining++;
      }
      return { warm, obtaining, obtained, failed };
    },
  };
}

function hold(tokens: TokenSet, owner: ConnectionOwner, obtainedAt: number, random: () => number): Held {
  const times = { obtainedAt, expiresAt: tokens.expiresAt };
  return {
    credential: {
      id: owner.kind === 'shared' ? 'shared:token' : `${owner.kind}:${owner.id}:token`,
      headers: [['Authorization', new Secret(`Bearer ${tokens.accessToken.reveal()}`)]],
    },
    ...times,
    scopes: tokens.scopes,
    renewAt: renewAt(times, random),
    deadAt: deadAt(times),
  };
}

/** Why another token would not help either; null: it may. */
function refusalOf(upstream: Upstream, token: Held, challenge: Challenge, time: number): AppError | null {
  const { name, auth } = upstream;
  if (challenge.status === 401) {
    if (time - token.obtainedAt >= TOO_YOUNG_MS) return null;
    return tokenRefused(
      name,
      'refuses a token that it was just issued. Does it trust the provider, and take its audience?',
    );
  }
  const scopes = challenge.scopes.join(' ');
  if (isOauth(auth) && auth.oauth.scopes !== null) {
    return tokenRefused(name, `needs scopes for this that its settings do not ask for: ${scopes}.`);
  }
  if (challenge.scopes.some((scope) => !token.scopes.includes(scope))) return null;
  return tokenRefused(name, 'refuses this although the token has the scopes that it names.');
}
