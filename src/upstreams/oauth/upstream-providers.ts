import type { HttpUpstream, Upstream, UpstreamOauthAuth } from '../../model/upstream.ts';
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

/** The provider that the settings name, by themselves or by their preset; null: it is the upstream that names it. */
export const issuerSetFor = (upstream: OauthUpstream): string | null =>
  upstream.auth.oauth.issuer ?? presetOf(upstream)?.issuer ?? null;

/** The first one that the gateway became a client of on behalf of an upstream of this name, wherever that was. */
const rememberedIssuer = async ({ db, tenantId }: ConnectionsContext, upstream: string): Promise<string | null> =>
  (await listUpstreamClients(db, { tenantId, upstream }))[0]?.issuer ?? null;

/** The provider that an upstream as it is declared now belongs to, as far as that is known without asking anybody. */
export const knownIssuer = async (context: ConnectionsContext, upstream: OauthUpstream): Promise<string | null> =>
  issuerSetFor(upstream) ?? (await rememberedIssuer(context, upstream.name));

/**
 * Which provider gives out tokens for an upstream. The first one that is found is kept: clients are registered there and
 * people have agreed to it. When the upstream names another one later, nothing is sent to that.
 */
export function createUpstreamProviders(context: ConnectionsContext) {
  const { now } = context;
  const found = new Map<string, Found>();
  const underWay = new Map<string, { readonly upstream: OauthUpstream; readonly provider: Promise<Provider> }>();

  async function discover(upstream: OauthUpstream): Promise<Provider> {
    const { oauth } = upstream.auth;
    const set = issuerSetFor(upstream);
    const remembered = set === null ? await rememberedIssuer(context, upstream.name) : null;
    const look = (known: string | null) =>
      discoverProvider({
        url: upstream.url,
        oauth,
        preset: presetOf(upstream),
        remembered: known,
        challenge: null,
        fetch: context.fetchFor(oauth.reach),
      });
    let provider: Provider;
    try {
      provider = await look(remembered);
    } catch (error) {
      if (!(error instanceof ProviderFailure) || error.kind !== 'metadata') throw error;
      // An upstream that is its own provider, without metadata, is found only when none is named beforehand.
      if (remembered === null || new URL(remembered).origin !== new URL(upstream.url).origin) throw error;
      provider = await look(null);
    }
    if (remembered !== null && provider.issuer !== remembered) {
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
      const usable = known !== undefined && isSamePlace(known.upstream, upstream) ? known : undefined;
      // The clock may have been set back since.
      if (usable !== undefined && Math.abs(now() - usable.at) < maxAgeMs) return usable.provider;
      let flight = underWay.get(name);
      if (flight === undefined || !isSamePlace(flight.upstream, upstream)) {
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

/** Whether two declarations lead to the same place in the same way, so that what was got for one is good for the other. */
export const isSamePlace = (a: Upstream, b: Upstream): boolean =>
  a === b ||
  (a.transport !== 'stdio' &&
    b.transport !== 'stdio' &&
    a.url === b.url &&
    JSON.stringify(a.auth) === JSON.stringify(b.auth));
