import * as z from 'zod';
import type { UpstreamOauth } from '../../../model/upstream.ts';
import { allowedEndpoint } from './allowed-endpoint.ts';
import type { Challenge } from './challenge.ts';
import { fetchDocument } from './fetch-document.ts';
import type { ProviderFetch } from './provider.ts';
import { ProviderFailure, quoted } from './provider-failure.ts';

/** RFC 9728 §2, as much of it as is used. */
const ResourceMetadataSchema = z.object({
  resource: z.string().max(2048),
  authorization_servers: z.array(z.string().max(2048)).max(20).optional(),
  scopes_supported: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/))
    .max(200)
    .optional(),
});

export interface ResourceMetadata {
  /** What the upstream calls itself. It covers the URL that is used. */
  readonly resource: string;
  /** In the order of the upstream; may be empty. */
  readonly authorizationServers: readonly string[];
  readonly scopesSupported: readonly string[] | null;
  /** Where it was found. */
  readonly via: string;
}

/**
 * Finds the protected resource metadata of an upstream: where its challenge points to, else below its path, else at the
 * root (2025-11-25, "Protected Resource Metadata Discovery Requirements"). Null: it has none.
 *
 * @throws ProviderFailure `metadata` when what is found is not about this upstream, or unsafe; `transient`
 */
export async function findResourceMetadata(
  url: string,
  challenge: Challenge | null,
  { reach, fetch }: { reach: UpstreamOauth['reach']; fetch: ProviderFetch },
): Promise<ResourceMetadata | null> {
  for (const [place, via] of placesOf(url, challenge, reach)) {
    const document = await fetchDocument(place, fetch);
    if (document === null) continue;
    const read = ResourceMetadataSchema.safeParse(document);
    if (!read.success) {
      const member = read.error.issues[0]?.path.join('.') ?? '';
      const about = `The resource metadata at ${quoted(place.href)}`;
      throw new ProviderFailure('metadata', `${about} is not as RFC 9728 wants it: look at \`${member}\`.`);
    }
    const { resource, authorization_servers: authorizationServers = [], scopes_supported: scopes } = read.data;
    if (!covers(resource, url)) {
      const detail = `The upstream says that it is ${quoted(resource)}, which is not the URL that it has here.`;
      throw new ProviderFailure('metadata', detail);
    }
    return { resource, authorizationServers, scopesSupported: scopes ?? null, via: `${via} (${place.href})` };
  }
  return null;
}

/** The query stays out: it is no part of where metadata is in practice, and may hold a secret. */
function placesOf(url: string, challenge: Challenge | null, reach: UpstreamOauth['reach']): [URL, string][] {
  const places: [URL, string][] = [];
  const named = challenge?.resourceMetadata ?? null;
  if (named !== null) {
    const allowed = allowedEndpoint(named, reach);
    if (allowed === null) {
      const detail = `The upstream names metadata at ${quoted(named)}, which is not fetched: it has to be https.`;
      throw new ProviderFailure('metadata', detail);
    }
    places.push([allowed, 'resource metadata that the 401 names']);
  }
  const { origin, pathname } = new URL(url);
  const root = `${origin}/.well-known/oauth-protected-resource`;
  if (pathname !== '/') places.push([new URL(`${root}${pathname}`), 'resource metadata of its path']);
  places.push([new URL(root), 'resource metadata of its origin']);
  return places;
}

/**
 * Whether a resource identifier is that of the URL, or of something that the URL is part of: the same origin, and the same
 * path or one above it. RFC 9728 §3.3 wants them identical; servers that describe themselves at their root do not keep to
 * it, and a token for more of the same origin goes to nobody else.
 */
function covers(resource: string, url: string): boolean {
  const named = URL.parse(resource);
  const used = new URL(url);
  if (named === null || named.origin !== used.origin || named.hash !== '' || named.username !== '') return false;
  const base = named.pathname.replace(/\/+$/, '');
  return used.pathname === base || used.pathname.startsWith(`${base}/`);
}
