import type { ConnectionTokens } from './connection-tokens.ts';
import type { ConnectionsContext } from './connections-context.ts';
import type { Provider, ProviderClient, ProviderFetch, TokenSet } from './provider/provider.ts';
import { ProviderFailure } from './provider/provider-failure.ts';
import { refreshTokens } from './provider/refresh-tokens.ts';
import type { UpstreamClients } from './upstream-clients.ts';
import { type OauthUpstream, presetOf } from './upstream-providers.ts';

const REQUEST_MS = 10_000;

/** Spends a refresh token. Whoever calls this holds the lease. */
export function createTokenRequest(context: ConnectionsContext, clients: UpstreamClients) {
  /** Tokens belong to the client that got them. Only the secret of one that was registered by hand may have changed since. */
  async function clientOf(upstream: OauthUpstream, provider: Provider, { client }: ConnectionTokens) {
    if (client.source !== 'configured' || upstream.auth.oauth.client?.id !== client.id) return client;
    return clients.of(upstream, provider);
  }

  /** @throws ProviderFailure */
  return async (
    upstream: OauthUpstream,
    provider: Provider,
    tokens: ConnectionTokens,
  ): Promise<{ readonly set: TokenSet; readonly client: ProviderClient }> => {
    const { oauth } = upstream.auth;
    const fetch = withDeadline(context.fetchFor(oauth.reach), REQUEST_MS);
    const { refreshToken, scopes } = tokens;
    const ask = (client: ProviderClient): Promise<TokenSet> =>
      refreshTokens({
        provider,
        client,
        oauth,
        preset: presetOf(upstream),
        refreshToken: refreshToken!,
        scopes,
        fetch,
      });
    const client = await clientOf(upstream, provider, tokens);
    try {
      return { set: await ask(client), client };
    } catch (error) {
      if (!(error instanceof ProviderFailure) || error.kind !== 'invalid_client') throw error;
      const other = await clients.inPlaceOf(upstream, provider, client);
      if (other === null) throw error;
      return { set: await ask(other), client: other };
    }
  };
}

/** Whatever the library does with a fetch, it ends in time. */
function withDeadline(fetch: ProviderFetch, timeoutMs: number): ProviderFetch {
  const deadline = AbortSignal.timeout(timeoutMs);
  return (input, init) =>
    fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, deadline]) : deadline });
}
