import { findConnection, putConnection, type UpstreamConnection } from '../../store/upstream-connections.ts';
import { type ConnectReason, connectionRequired, connectionStopped } from './connection-errors.ts';
import type { ConnectionLink } from './connection-links.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { type ConnectionTokens, readTokens, tokensRef } from './connection-tokens.ts';
import { type ConnectionsContext, refOf } from './connections-context.ts';
import { keepAliveAt } from './refresh-schedule.ts';
import type { OauthUpstream } from './upstream-providers.ts';
import type { FoundTokens } from './warm-tokens.ts';

export interface LoadedConnection extends FoundTokens {
  readonly row: UpstreamConnection;
}

export type LinkFor = (upstream: string, principal: { readonly id: string }) => ConnectionLink;

/**
 * What is stored of a connection, as it is now. Throws `connection_required` and `connection_stopped` where its tokens must
 * not be used, whether they live or not.
 */
export async function loadConnection(
  context: ConnectionsContext,
  upstream: OauthUpstream,
  owner: ConnectionOwner,
  linkFor: LinkFor,
): Promise<LoadedConnection> {
  const { db, vault } = context;
  const ref = refOf(context, upstream.name, owner);
  const refuse = (reason: ConnectReason) => connectionRequired(upstream.name, owner, reason, linkFor);
  const entry = await vault.readStored(tokensRef(ref));
  const found = await findConnection(db, ref);
  if (entry === null || found === null || found.state === 'ending') throw refuse('not_connected');
  const tokens = readTokens(entry.value);
  if (tokens === null) throw refuse('expired');
  const version = { id: entry.id, version: entry.version };
  // Whoever connected was stopped between the vault and the table: what is in the vault counts.
  const row = found.grantId === tokens.grantId ? found : await adopt(context, ref, found, tokens, version.version);
  if (row === null) throw refuse('not_connected');
  const { issuer } = upstream.auth.oauth;
  // Consent was given for one address, and tokens are bound to one provider: neither may be exchanged under them.
  if (tokens.url !== upstream.url || (issuer !== null && tokens.issuer !== issuer)) throw refuse('moved');
  // A verdict on tokens that were replaced since is none on these.
  if (row.generation >= version.version) {
    if (row.state === 'changed_issuer') throw connectionStopped(upstream.name);
    if (row.state === 'needs_reauth') throw refuse('expired');
  }
  return { tokens, version, row };
}

const adopt = (
  context: ConnectionsContext,
  ref: ReturnType<typeof refOf>,
  found: UpstreamConnection,
  tokens: ConnectionTokens,
  generation: number,
): Promise<UpstreamConnection | null> =>
  putConnection(context.db, connectedRow(context, ref, { id: found.id, tokens, generation }), context.now());

/** The row of a connection that was just made with these tokens. */
export function connectedRow(
  { now }: ConnectionsContext,
  ref: ReturnType<typeof refOf>,
  { id, tokens, generation }: { id: string; tokens: ConnectionTokens; generation: number },
) {
  return {
    ...ref,
    id,
    grantId: tokens.grantId,
    issuer: tokens.issuer,
    clientId: tokens.client.id,
    scopes: tokens.scopes,
    account: tokens.account,
    generation,
    expiresAt: tokens.expiresAt,
    refreshExpiresAt: tokens.refreshExpiresAt,
    refreshDueAt: tokens.refreshToken === null ? null : keepAliveAt(tokens, now()),
  };
}
