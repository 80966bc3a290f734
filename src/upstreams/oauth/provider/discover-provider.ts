import type { AuthorizationServer } from 'oauth4webapi';
import type { UpstreamOauth } from '../../../model/upstream.ts';
import { allowedEndpoint } from './allowed-endpoint.ts';
import type { Challenge } from './challenge.ts';
import { expandPreset } from './expand-preset.ts';
import type { Preset } from './preset.ts';
import { probeChallenge } from './probe-challenge.ts';
import type { Provider, ProviderFetch } from './provider.ts';
import { ProviderFailure, quoted } from './provider-failure.ts';
import { findResourceMetadata, type ResourceMetadata } from './resource-metadata.ts';
import { findServerMetadata } from './server-metadata.ts';

export interface DiscoverOptions {
  /** Of the upstream. */
  readonly url: string;
  readonly oauth: UpstreamOauth;
  readonly preset: Preset | null;
  /**
   * The provider that was found before, where the settings name none. The upstream has to name it still, unless it is its
   * own: another one may be behind the name of the upstream by now.
   */
  readonly remembered?: string | null;
  /** What it answered to a call; null: it is asked here. */
  readonly challenge: Challenge | null;
  readonly fetch: ProviderFetch;
}

/**
 * Finds out who gives out tokens for an upstream, and checks all that it says. In this order: the endpoints of the preset,
 * where there is no metadata; what the resource metadata of the upstream names; the provider of the settings; the origin
 * of the upstream itself, as in 2025-03-26, with or without metadata.
 *
 * @throws ProviderFailure `metadata` with what to change, `changed_issuer` when the upstream names others than the
 * provider that is set, `transient`
 */
export async function discoverProvider(options: DiscoverOptions): Promise<Provider> {
  const { url, oauth, preset, fetch } = options;
  const set = oauth.issuer ?? preset?.issuer ?? null;
  const pinned = set ?? options.remembered ?? null;
  if (preset?.endpoints !== undefined) return presetProvider(options, preset, pinned);
  const { reach } = oauth;
  const challenge = options.challenge ?? (await probeChallenge(url, fetch));
  const resource = await findResourceMetadata(url, challenge, { reach, fetch });
  const named = issuerFor(resource, pinned, preset);
  if (set === null && pinned !== null && !mayStayUnnamed(pinned, url, resource)) throw notNamedAnyMore(pinned);
  if (named === null && preset?.issuerAdvice !== undefined) throw issuerMissing(preset);
  const issuer = named ?? new URL(url).origin;
  const byOrigin = named === null && resource === null;
  const found = await findServerMetadata(issuer, { reach, fetch, byOrigin, issuerOf: preset?.issuerOf });
  const server = found?.server ?? guessedServer(issuer, { resource, pinned, challenge });
  const namedBy = resource === null ? originOf(pinned) : resource.via;
  return complete(options, {
    server: preset?.pkceUnlisted ? { code_challenge_methods_supported: ['S256'], ...server } : server,
    resource: resource?.resource ?? canonicalUrl(url),
    scopes: {
      challenge: challenge !== null && challenge.scopes.length > 0 ? challenge.scopes : null,
      supported: resource?.scopesSupported ?? null,
    },
    via: `${namedBy}; ${found === null ? 'default endpoints of 2025-03-26' : `provider metadata (${found.via})`}`,
  });
}

const mayStayUnnamed = (remembered: string, url: string, resource: ResourceMetadata | null): boolean =>
  (resource?.authorizationServers ?? []).length > 0 || new URL(remembered).origin === new URL(url).origin;

const notNamedAnyMore = (issuer: string): ProviderFailure =>
  new ProviderFailure(
    'metadata',
    `The upstream does not name a provider (any more). If it still is ${quoted(issuer)}, set \`issuer\`.`,
  );

const issuerMissing = ({ issuerAdvice = '' }: Preset): ProviderFailure =>
  new ProviderFailure('metadata', `Set \`issuer\` to an https URL. ${issuerAdvice}`.trim());

const originOf = (pinned: string | null): string =>
  pinned === null ? 'origin of the upstream, which has no resource metadata' : 'provider of the settings';

/** The provider that is set, if the upstream names it too; else the first one that it names. Null: nobody is named. */
function issuerFor(resource: ResourceMetadata | null, pinned: string | null, preset: Preset | null): string | null {
  const named = resource?.authorizationServers ?? [];
  if (pinned === null || named.length === 0) return pinned ?? named[0] ?? null;
  // Upstreams are careless with a slash at the end; what counts is what the settings say.
  const bare = (issuer: string): string => issuer.replace(/\/$/, '');
  if (named.some((issuer) => bare(issuer) === bare(pinned))) return pinned;
  const other = named.find((issuer) => preset?.issuerOf?.[issuer] === pinned);
  if (other !== undefined) return other;
  const detail = `The upstream names ${quoted(named[0]!)} as its provider, but ${quoted(pinned)} is set for it.`;
  throw new ProviderFailure('changed_issuer', detail);
}

/** 2025-03-26, "Fallbacks for Servers without Metadata Discovery": only for an upstream that asks for a token itself. */
function guessedServer(
  issuer: string,
  { resource, pinned, challenge }: { resource: unknown; pinned: string | null; challenge: Challenge | null },
): AuthorizationServer {
  if (resource !== null || pinned !== null) {
    throw new ProviderFailure('metadata', `${quoted(issuer)} has no metadata of a provider. Is the issuer right?`);
  }
  if (challenge === null) {
    const detail = 'The upstream asks for no token and names no provider. If it has one, set `issuer`.';
    throw new ProviderFailure('metadata', detail);
  }
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    // All servers of that revision have to know it.
    code_challenge_methods_supported: ['S256'],
  };
}

/** All from the preset: nothing is asked for, so that it also works while the upstream does not. */
function presetProvider(options: DiscoverOptions, preset: Preset, pinned: string | null): Provider {
  const { url, oauth, challenge } = options;
  if (pinned === null || allowedEndpoint(pinned, oauth.reach) === null) {
    throw issuerMissing(preset);
  }
  return complete(options, {
    server: {
      issuer: pinned,
      authorization_endpoint: expandPreset(preset.endpoints!.authorization, preset, pinned),
      token_endpoint: expandPreset(preset.endpoints!.token, preset, pinned),
      code_challenge_methods_supported: ['S256'],
    },
    resource: canonicalUrl(url),
    scopes: { challenge: challenge !== null && challenge.scopes.length > 0 ? challenge.scopes : null, supported: null },
    via: `preset ${preset.title}`,
  });
}

function complete({ oauth, preset }: DiscoverOptions, found: Omit<Provider, 'issuer' | 'ownRevocation'>): Provider {
  const { issuer } = found.server;
  const own = preset?.revocation;
  const named = oauth.sendResource ?? preset?.sendResource ?? true;
  return {
    ...found,
    issuer,
    resource: named ? found.resource : null,
    ...(own !== undefined && { ownRevocation: { style: own.style, url: expandPreset(own.url, preset!, issuer) } }),
  };
}

/** 2026-07-28, "Canonical Server URI": no fragment, no slash after a bare origin; the query may hold a secret. */
function canonicalUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return pathname === '/' ? origin : `${origin}${pathname}`;
}
