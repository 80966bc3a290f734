import type { UpstreamOauth } from '../../src/model/upstream.ts';
import { authorizationUrl } from '../../src/upstreams/oauth/provider/authorization-url.ts';
import { discoverProvider } from '../../src/upstreams/oauth/provider/discover-provider.ts';
import { exchangeCode } from '../../src/upstreams/oauth/provider/exchange-code.ts';
import type { Preset } from '../../src/upstreams/oauth/provider/preset.ts';
import type { ProviderClient, TokenSet } from '../../src/upstreams/oauth/provider/provider.ts';
import { registerClient } from '../../src/upstreams/oauth/provider/register-client.ts';
import { scopesFor } from '../../src/upstreams/oauth/provider/scopes-for.ts';
import { callbackOf, type OauthProviderOptions, startOauthProvider } from './oauth-provider.ts';
import { loopbackFetch as fetch, oauthSettings } from './oauth-settings.ts';
import { type OauthUpstreamOptions, startOauthUpstream } from './upstream-oauth.ts';

export interface FlowOptions {
  readonly provider?: OauthProviderOptions;
  readonly upstream?: OauthUpstreamOptions;
  readonly oauth?: Partial<UpstreamOauth>;
  readonly preset?: Preset | null;
  /** Uses the issuer of the fake for the preset. */
  readonly pin?: boolean;
  readonly configured?: ProviderClient | null;
}

export const REDIRECT_URI = 'https://gateway.example/connect/callback';

/** A provider and an upstream, and the steps that connect to them, with the protocol alone: nothing is stored. */
export async function startFlow(options: FlowOptions = {}) {
  const fake = await startOauthProvider(options.provider);
  const upstream = await startOauthUpstream(fake, options.upstream);
  const { preset = null, configured = null } = options;
  const oauth = oauthSettings({ issuer: options.pin ? fake.issuer : null, ...options.oauth });
  const provider = await discoverProvider({ url: upstream.url, oauth, preset, challenge: null, fetch });
  const common = { provider, oauth, preset, fetch };
  const registration = { ...common, configured, metadataDocumentUrl: null, redirectUri: REDIRECT_URI };
  const client = await registerClient(registration);
  const scopes = scopesFor({ ...common, challenge: null, granted: [] });
  const codeVerifier = 'v'.repeat(64);

  async function callback(): Promise<URL> {
    const request = { ...common, client, scopes, redirectUri: REDIRECT_URI, state: 'the-state', codeVerifier };
    return callbackOf(await authorizationUrl(request));
  }
  const exchange = (url: URL, changes: Partial<Parameters<typeof exchangeCode>[0]> = {}): Promise<TokenSet> =>
    exchangeCode({
      ...{ ...common, client, scopes, callback: url, expectedState: 'the-state', codeVerifier },
      redirectUri: REDIRECT_URI,
      ...changes,
    });
  return {
    ...{ ...common, fake, upstream, client, scopes, callback, exchange },
    connect: async (): Promise<TokenSet> => exchange(await callback()),
    async [Symbol.asyncDispose]() {
      await upstream.close();
      await fake.close();
    },
  };
}

/** Calls a tool of a legacy upstream, and gives its text, or the status of an answer that is none. */
export async function callTool(url: string, token: TokenSet, name: string): Promise<string | number> {
  const headers: Record<string, string> = { authorization: `Bearer ${token.accessToken.reveal()}` };
  const post = (message: object) =>
    globalThis.fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }) });
  const opened = await post({ method: 'initialize', params: {} });
  if (opened.status !== 200) return opened.status;
  headers['mcp-session-id'] = opened.headers.get('mcp-session-id')!;
  const answer = await post({ method: 'tools/call', params: { name, arguments: {} } });
  if (answer.status !== 200) return answer.status;
  const { result } = (await answer.json()) as { result: { content: { text: string }[] } };
  return result.content[0]!.text;
}
