import { patchConnection } from '../../store/upstream-connections.ts';
import { connectionRequired, tokenRefused } from './connection-errors.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import type { ConnectionsContext } from './connections-context.ts';
import { type LinkFor, loadConnection } from './load-connection.ts';
import type { Challenge } from './provider/challenge.ts';
import { scopesFor } from './provider/scopes-for.ts';
import { recordConnection } from './record-connection.ts';
import { type OauthUpstream, presetOf, type UpstreamProviders } from './upstream-providers.ts';

/** The latest count: an upstream that thinks of new ones at every call must not grow the question without end. */
const MAX_WANTED = 100;

/**
 * The upstream wants scopes that the token does not have. More can only be had from the person: the connection notes which,
 * and connecting anew asks for all of them together with those that it has (2026-07-28, "Scope Challenge Handling"). What
 * was asked for once and not given, or is more than the settings allow, is not asked for again.
 *
 * Never resolves. Throws `connection_required` where asking helps, else `upstream_credential_rejected`.
 */
export function createStepUp(
  context: ConnectionsContext,
  { providers, linkFor }: { readonly providers: UpstreamProviders; readonly linkFor: LinkFor },
) {
  return async (upstream: OauthUpstream, owner: ConnectionOwner, challenge: Challenge): Promise<never> => {
    const { name } = upstream;
    const { tokens, row } = await loadConnection(context, upstream, owner, linkFor);
    const missing = challenge.scopes.filter((scope) => !row.scopes.includes(scope));
    const listed = missing.map((scope) => `\`${scope}\``).join(', ');
    if (missing.length === 0)
      throw tokenRefused(name, 'says that the connection does not allow this, and not what would.');
    if (missing.every((scope) => tokens.asked.includes(scope))) {
      throw tokenRefused(
        name,
        `needs ${listed} for this. That was asked for when the account was connected, and not given.`,
      );
    }
    const scopes = scopesFor({
      oauth: upstream.auth.oauth,
      preset: presetOf(upstream),
      provider: await providers.of(upstream),
      challenge,
      granted: row.scopes,
    });
    if (!missing.every((scope) => scopes.includes(scope))) {
      throw tokenRefused(name, `needs ${listed} for this, which the settings of this gateway do not ask for.`);
    }
    const wantedScopes = [...new Set([...row.wantedScopes, ...missing])].slice(-MAX_WANTED);
    await patchConnection(context.db, row, { state: 'needs_scopes', wantedScopes }, context.now());
    if (row.state !== 'needs_scopes') {
      const details = { issuer: row.issuer, scopes: [...row.scopes], wanted: wantedScopes };
      recordConnection(context, {
        ...{ action: 'connection.fail', upstream: name, owner, failed: true },
        ...{ reason: 'insufficient_scope', details },
      });
    }
    throw connectionRequired(name, owner, 'scopes', linkFor);
  };
}
