import { scopeOfResource } from '../model/scope.ts';

/** Algorithms of DPoP proofs that are accepted (RFC 9449 §4.3). */
export const DPOP_ALGORITHMS = ['ES256', 'EdDSA'] as const;

/** RFC 9728 §3: the well-known name comes between the host and the path of the resource. */
const WELL_KNOWN = '/.well-known/oauth-protected-resource';

/** `/mcp` or `/mcp/{upstream}`: the paths that are protected resources. */
const RESOURCE_PATH = /^\/mcp(?:\/[a-z0-9-]{1,32})?$/;

export interface ProtectedResourceMetadata {
  readonly resource: string;
  readonly resource_name: string;
  readonly bearer_methods_supported: readonly ['header'];
  /** Absent when there is none: then only access keys open the resource. */
  readonly authorization_servers?: readonly string[];
  readonly scopes_supported?: readonly string[];
  readonly dpop_signing_alg_values_supported?: readonly string[];
}

/**
 * The metadata of one protected resource (RFC 9728 §2). `resource` is exactly the URL that clients are configured with:
 * they compare it character by character.
 *
 * Without an authorization server there is no `authorization_servers`: an empty list, or the name of a server that issues
 * nothing, would send clients into a login that cannot end. `scopes_supported` names the scope of the whole resource and
 * never those of single upstreams, since anybody may read this document.
 *
 * @param publicUrl origin without trailing slash. @param resourcePath as resourcePathOf returns it.
 * @param authorizationServers issuers whose tokens are accepted at this resource.
 */
export function protectedResourceMetadata(
  publicUrl: string,
  resourcePath: string,
  authorizationServers: readonly string[],
): ProtectedResourceMetadata {
  const upstream = resourcePath.slice('/mcp/'.length);
  return {
    resource: `${publicUrl}${resourcePath}`,
    resource_name: upstream === '' ? 'Toolgate' : `Toolgate: ${upstream}`,
    // Never `query`: URLs end up in logs (RFC 6750 §5.3), and MCP forbids it.
    bearer_methods_supported: ['header'],
    ...(authorizationServers.length > 0 && {
      authorization_servers: authorizationServers,
      scopes_supported: [scopeOfResource(resourcePath)],
      dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    }),
  };
}

/** Where the metadata of a resource is, for the challenge of a 401. */
export function resourceMetadataUrl(publicUrl: string, resourcePath: string): string {
  return `${publicUrl}${WELL_KNOWN}${resourcePath}`;
}

/**
 * Which resource the metadata at this path is about, or null when there is none. The path without a resource, which clients
 * try last, stands for `/mcp`. Any well-formed upstream name has metadata, whether it exists or not: the document is public
 * and must not tell strangers which upstreams there are.
 *
 * @param path of the request, without its query.
 */
export function resourcePathOf(path: string): string | null {
  if (path === WELL_KNOWN) return '/mcp';
  if (!path.startsWith(`${WELL_KNOWN}/`)) return null;
  const resource = path.slice(WELL_KNOWN.length);
  return RESOURCE_PATH.test(resource) ? resource : null;
}
