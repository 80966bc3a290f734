import { AppError } from '../../errors/app-error.ts';
import { newId } from '../../lib/ids.ts';
import { findConnection, putConnection } from '../../store/upstream-connections.ts';
import { type ConnectionOwner, connectionKey } from './connection-owner.ts';
import { type ConnectionTokens, readTokens, tokensRef, writeTokens } from './connection-tokens.ts';
import { type ConnectionsContext, refOf } from './connections-context.ts';
import { connectedRow } from './load-connection.ts';
import type { WarmTokens } from './warm-tokens.ts';

const ATTEMPTS = 5;

/** Stores what somebody has just connected. */
export function createConnectionSaver(
  context: ConnectionsContext,
  parts: {
    readonly warm: WarmTokens;
    /** Ends what is marked to end, so that its place is free. */
    readonly clearEnding: () => Promise<void>;
  },
) {
  const { db, vault, now } = context;
  const { warm } = parts;

  /**
   * Returns the tokens that these replace. In the vault first: what is there counts, and the table follows it, now or when
   * it is loaded. Throws `conflict` only under a storm of writes.
   */
  return async (
    upstream: string,
    owner: ConnectionOwner,
    tokens: ConnectionTokens,
  ): Promise<ConnectionTokens | null> => {
    const ref = refOf(context, upstream, owner);
    const key = connectionKey(upstream, owner);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if ((await findConnection(db, ref))?.state === 'ending') await parts.clearEnding();
      const row = (await findConnection(db, ref)) ?? (await reserve(ref, tokens));
      const entry = await vault.readStored(tokensRef(ref));
      const version = await vault.replace(tokensRef(ref), entry, writeTokens(tokens));
      // A refresh of the former connection was faster, or the connection has just ended.
      if (version === null) continue;
      const stored = connectedRow(context, ref, {
        id: row?.id ?? newId('con', now()),
        tokens,
        generation: version.version,
      });
      if ((await putConnection(db, stored, now())) === null) continue;
      warm.drop(key);
      warm.put(key, { tokens, version });
      return entry === null ? null : readTokens(entry.value);
    }
    throw new AppError('conflict', 'The connection is being changed by others at the same time. Try again.');
  };

  /** The row comes before the tokens, so that none can be in the vault that nobody would ever clear away. */
  async function reserve(ref: ReturnType<typeof refOf>, tokens: ConnectionTokens) {
    const none = { ...tokens, grantId: '', scopes: [], account: null, expiresAt: null, refreshExpiresAt: null };
    const row = connectedRow(context, ref, { id: newId('con', now()), tokens: none, generation: 0 });
    return putConnection(db, row, now());
  }
}
