import { setTimeout as sleep } from 'node:timers/promises';
import { extendLease, releaseLease } from '../../store/connection-leases.ts';
import type { UpstreamConnectionRef } from '../../store/upstream-connections.ts';
import type { SecretVersion } from '../../vault/vault.ts';
import { type ConnectionTokens, tokensRef, writeTokens } from './connection-tokens.ts';
import type { ConnectionsContext } from './connections-context.ts';
import { LEASE_MS } from './refresh-schedule.ts';

const PAUSES_MS = [20, 100, 500];

/** Tokens that the provider gave and that are not in the vault. */
interface Unsaved {
  readonly key: string;
  readonly ref: UpstreamConnectionRef;
  /** The lease under which they were fetched. */
  readonly by: string;
  readonly replaces: SecretVersion;
  readonly tokens: ConnectionTokens;
}

/**
 * Writes new tokens into the vault. Until they are there nobody uses them; while they cannot be written (a full disk), they
 * are kept and tried again and again: the provider has forgotten the old ones, and nobody else has these.
 */
export function createTokenSaver({ db, vault, log, now }: ConnectionsContext) {
  const unsaved = new Map<string, Unsaved>();

  const write = ({ ref, replaces, tokens }: Unsaved): Promise<SecretVersion | null> =>
    vault.replace(tokensRef(ref), replaces, writeTokens(tokens));

  async function save(entry: Unsaved): Promise<SecretVersion | null> {
    for (const pauseMs of PAUSES_MS) {
      try {
        return await write(entry);
      } catch {
        await sleep(pauseMs);
      }
    }
    try {
      return await write(entry);
    } catch (error) {
      unsaved.set(entry.key, entry);
      log.error(
        { err: error, upstream: entry.ref.upstream },
        'new tokens cannot be stored; they are kept and tried again',
      );
      throw error;
    }
  }

  /** True when nothing of this connection is left to be written. */
  async function settled(key: string): Promise<boolean> {
    const entry = unsaved.get(key);
    if (entry === undefined) return true;
    try {
      // While this process lives, nobody else should take it for dead and use the old token.
      await extendLease(db, entry.ref, { by: entry.by, until: now() + LEASE_MS });
      await write(entry);
    } catch {
      return false;
    }
    unsaved.delete(key);
    log.info({ upstream: entry.ref.upstream }, 'the tokens are stored now');
    // When this fails, the lease ends by itself.
    await releaseLease(db, entry.ref, entry.by).catch(() => {});
    return true;
  }

  return {
    /**
     * Null when other tokens are there meanwhile, or the connection ended. Rejects when they could not be written after
     * several tries; then they are kept.
     */
    save,
    settled,
    /** Tries again with all that could not be written. */
    async retry(): Promise<void> {
      for (const key of [...unsaved.keys()]) await settled(key);
    },
    get size(): number {
      return unsaved.size;
    },
  };
}
