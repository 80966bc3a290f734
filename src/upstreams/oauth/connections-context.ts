import type { AuditLog } from '../../audit/open-audit.ts';
import type { Logger } from '../../http/logger.ts';
import type { Secret } from '../../lib/secret.ts';
import type { Upstream, UpstreamOauth } from '../../model/upstream.ts';
import type { Database } from '../../store/database.ts';
import type { UpstreamConnectionRef } from '../../store/upstream-connections.ts';
import type { Vault } from '../../vault/vault.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import type { ProviderFetch } from './provider/provider.ts';

/** Something became of a connection, in this process. */
export interface ConnectionChange {
  readonly upstream: string;
  readonly owner: ConnectionOwner;
  readonly what: 'connected' | 'disconnected' | 'refreshed' | 'failed';
}

export interface ConnectionsOptions {
  readonly db: Database;
  readonly vault: Pick<Vault, 'put' | 'get' | 'replace' | 'readStored' | 'remove' | 'onChange'>;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly log: Logger;
  /** Where browsers and providers reach the gateway, without a path. */
  readonly publicUrl: () => string;
  /** As it is declared now. */
  readonly upstream: (name: string) => Upstream | undefined;
  /** Of a client that was registered by hand; null when none is stored. */
  readonly secretOf: (upstream: string, name: 'client-secret' | 'client-key') => Promise<Secret | null>;
  /** Links to the connect pages are authenticated with it, and PKCE verifiers are derived from it. */
  readonly linkKey: Secret;
  /** Guarded: what is fetched is named by strangers. */
  readonly fetchFor: (reach: UpstreamOauth['reach']) => ProviderFetch;
  readonly onChange: (change: ConnectionChange) => void;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  readonly tenantId?: string | undefined;
  /** Tokens kept in memory; 20,000 by default. One that had to leave is read again when it is used. */
  readonly cacheSize?: number | undefined;
}

/** What every part of this folder works with. */
export interface ConnectionsContext extends ConnectionsOptions {
  readonly now: () => number;
  readonly tenantId: string;
}

export const refOf = (
  { tenantId }: ConnectionsContext,
  upstream: string,
  owner: ConnectionOwner,
): UpstreamConnectionRef => ({
  tenantId,
  upstream,
  owner,
});
