import type { HttpUpstream, UpstreamOauthAuth } from '../../model/upstream.ts';
import { listUpstreamClients } from '../../store/upstream-clients.ts';
import type { ConnectionsContext } from './connections-context.ts';
import { discoverProvider } from './provider/discover-provider.ts';
import type { Preset } from './provider/preset.ts';
import { PRESETS } from './provider/presets.ts';
import type { Provider } from './provider/provider.ts';
import { ProviderFailure } from './provider/provider-failure.ts';

export type OauthUpstream = HttpUpstream & { readonly auth: UpstreamOauthAuth };

/** How long what was found counts. A changed provider is noticed after this time, or at the first 401 after a minute. */
const MAX_AGE_MS = 15 * 60_000;
/** After a 401: the upstream may have moved, but it is not asked at every one. */
export const AFTER_REFUSAL_AGE_MS = 60_000;

interface Found {
  readonly provider: Provider;
  readonly upstream: OauthUpstream;
  readonly at: number;
}

export type UpstreamProviders = ReturnType<typeof createUpstreamProviders>;

export const presetOf = ({ auth }: OauthUpstream): Preset | null =>
  auth.oauth.preset === null ? null : (PRESETS[auth.oauth.preset] ?? null);

/**
 * Which provider gives out tokens for an upstream. The first one that is found is kept: clients are registered there and
 * people have agreed to it. When the upstream names another one later, nothing is sent to that.
 */
export function createUpstreamProviders(context: ConnectionsContext) {
  const { db, now, tenantId } = context;
  const found = new Map<string, Found>();
  const underWay = new Map<string, { readonly upstream: OauthUpstream; readonly provider: Promise<Provider> }>();

  async function pinOf(upstream: OauthUpstream): Promise<string | null> {
    const { issuer } = upstream.auth.oauth;
    return issuer ?? (await listUpstreamClients(db, { tenantId, upstream: upstream.name }))[0]?.issuer ?? null;
  }

  async function discover(upstream: OauthUpstream): Promise<Provider> {
    const { oauth } = upstream.auth;
    const pin = await pinOf(upstream);
    const look = (issuer: string | null) =>
      discoverProvider({
        url: upstream.url,
        oauth: { ...oauth, issuer },
        preset: presetOf(upstream),
        challenge: null,
        fetch: context.fetchFor(oauth.reach),
      });
    let provider: Provider;
    try {
      provider = await look(pin);
    } catch (error) {
      // An upstream without metadata is found only when no provider is named beforehand.
      if (pin === oauth.issuer || !(error instanceof ProviderFailure) || error.kind !== 'metadata') throw error;
      provider = await look(null);
    }
    if (pin !== null && provider.issuer !== pin && oauth.issuer === null) {
      throw new ProviderFailure('changed_issuer', 'The upstream names another provider than the one that is known.');
    }
    return provider;
  }

  return {
    /**
     * Found anew when it is older than `maxAgeMs`. While that fails for a while, what was found before counts.
     * @throws ProviderFailure
     */
    async of(upstream: OauthUpstream, maxAgeMs: number = MAX_AGE_MS): Promise<Provider> {
      const { name } = upstream;
      const known = found.get(name);
      const usable = known !== undefined && isSame(known.upstream, upstream) ? known : undefined;
      if (usable !== undefined && now() - usable.at < maxAgeMs) return usable.provider;
      let flight = underWay.get(name);
      if (flight === undefined || !isSame(flight.upstream, upstream)) {
        flight = { upstream, provider: discover(upstream) };
        underWay.set(name, flight);
      }
      try {
        const provider = await flight.provider;
        found.set(name, { provider, upstream, at: now() });
        return provider;
      } catch (error) {
        if (usable !== undefined && error instanceof ProviderFailure && error.kind === 'transient') {
          return usable.provider;
        }
        throw error;
      } finally {
        if (underWay.get(name) === flight) underWay.delete(name);
      }
    },
    forget: (upstream: string): boolean => found.delete(upstream),
  };
}

const isSame = (a: OauthUpstream, b: OauthUpstream): boolean =>
  a === b || (a.url === b.url && JSON.stringify(a.auth) === JSON.stringify(b.auth));
