import type { ServerContext } from '../context.ts';
import type { OidcLibrary } from '../oidc-library.ts';
import { defaultResource } from '../resource-server.ts';
import { canonicalResource, resourcePath, scopesToGrant, withinLimit } from '../resources.ts';

/**
 * Settles `resource` and `scope` of a token request that no person has agreed to before. What is beyond `limit`, all
 * scopes that may be had, is left out, and the answer says so (RFC 6749 §3.3). An empty limit is none.
 */
export function settleTarget(
  context: ServerContext,
  { errors }: OidcLibrary,
  params: Record<string, unknown>,
  limit: readonly string[],
): void {
  const asked = params.resource ?? defaultResource(context);
  const resource = typeof asked === 'string' ? canonicalResource(context.publicUrl(), asked) : null;
  // Whoever comes here has proven who it is, and may know what there is.
  if (resource === null || context.resourceAt(resourcePath(resource)) === null) throw new errors.InvalidTarget();
  const named = typeof params.scope === 'string' ? params.scope.split(' ') : [];
  const wanted = scopesToGrant(named, resource);
  const scopes = wanted === null ? null : withinLimit(wanted, limit);
  if (scopes === null) throw new errors.InvalidScope('no requested scope can be had at this resource', named.join(' '));
  params.resource = resource;
  params.scope = scopes.join(' ');
}
