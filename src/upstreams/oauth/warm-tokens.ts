import { createLru } from '../../lib/lru.ts';
import { Secret } from '../../lib/secret.ts';
import type { SecretVersion } from '../../vault/vault.ts';
import type { Credential } from '../upstream-connection.ts';
import type { ConnectionTokens } from './connection-tokens.ts';
import { deadAt, renewAt } from './refresh-schedule.ts';

/** An access token in memory, as the credential that calls use. */
export interface WarmToken extends Credential {
  /** Of the upstream that it is for. */
  readonly url: string;
  readonly issuer: string;
  readonly grantId: string;
  /** Of the vault entry that it was read from. */
  readonly version: SecretVersion;
  readonly obtainedAt: number;
  /** It was fetched because the one before was refused before its time. */
  readonly afterRefusal: boolean;
  /** Milliseconds since the epoch, as below. Later it is refreshed beside the call that uses it. */
  renewAt: number;
  /** Later it is not used. */
  readonly deadAt: number;
}

export type WarmTokens = ReturnType<typeof createWarmTokens>;

export interface FoundTokens {
  readonly tokens: ConnectionTokens;
  readonly version: SecretVersion;
}

/**
 * What calls use, by connection. Refresh tokens and client secrets are not here: they are read from the vault when they are
 * needed.
 */
export function createWarmTokens(capacity: number) {
  const tokens = createLru<string, WarmToken>(capacity);
  return {
    get: (key: string): WarmToken | undefined => tokens.get(key),
    put(key: string, { tokens: stored, version }: FoundTokens): WarmToken {
      const known = tokens.get(key);
      // The same object while nothing changed: connections and caches know it by that.
      if (known !== undefined && isSameVersion(known.version, version)) return known;
      const dead = deadAt(stored);
      const warm: WarmToken = {
        id: `oauth:${stored.grantId}`,
        headers: [['Authorization', new Secret(`Bearer ${stored.accessToken.reveal()}`)]],
        url: stored.url,
        issuer: stored.issuer,
        grantId: stored.grantId,
        version,
        obtainedAt: stored.obtainedAt,
        afterRefusal: stored.afterRefusal,
        renewAt: stored.refreshToken === null ? dead : renewAt(stored),
        deadAt: dead,
      };
      tokens.set(key, warm);
      return warm;
    },
    drop: (key: string): boolean => tokens.delete(key),
    clear: (): void => tokens.clear(),
    get size(): number {
      return tokens.size;
    },
  };
}

export const isSameVersion = (a: SecretVersion, b: SecretVersion): boolean => a.id === b.id && a.version === b.version;
