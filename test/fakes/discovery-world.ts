import type { DiscoverOptions } from '../../src/upstreams/oauth/provider/discover-provider.ts';
import { discoverProvider } from '../../src/upstreams/oauth/provider/discover-provider.ts';
import { type OauthProviderOptions, startOauthProvider } from './oauth-provider.ts';
import { loopbackFetch as fetch, oauthSettings } from './oauth-settings.ts';
import { type OauthUpstreamOptions, startOauthUpstream } from './upstream-oauth.ts';

/** Discovery for an upstream on this machine, as if nothing was set for it. */
export const discover = (url: string, changes: Partial<DiscoverOptions> = {}) =>
  discoverProvider({ url, oauth: oauthSettings(), preset: null, challenge: null, fetch, ...changes });

/** A provider and an upstream that wants its tokens. */
export async function startWorld(
  upstreamOptions: OauthUpstreamOptions = {},
  providerOptions: OauthProviderOptions = {},
) {
  const provider = await startOauthProvider(providerOptions);
  const upstream = await startOauthUpstream(provider, upstreamOptions);
  const close = () => Promise.all([upstream.close(), provider.close()]);
  return { provider, upstream, [Symbol.asyncDispose]: async () => void (await close()) };
}
