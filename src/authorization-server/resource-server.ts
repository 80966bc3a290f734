import type { KoaContextWithOIDC, ResourceServer } from 'oidc-provider';
import type { ServerContext } from './context.ts';
import type { OidcLibrary } from './oidc-library.ts';
import { canonicalResource, defaultScope, fitsResource } from './resources.ts';

/** What is meant by a request without `resource` (RFC 8707 §2): everything. */
export const defaultResource = ({ publicUrl }: Pick<ServerContext, 'publicUrl'>): string => `${publicUrl()}/mcp`;

/**
 * What the library needs to know of a resource. Scopes have no fixed list: those that a request or its grant names and
 * that can be had at the resource count.
 */
export function resourceServerOf(
  context: ServerContext,
  { errors }: OidcLibrary,
  ctx: KoaContextWithOIDC,
  resource: string,
  signingKeyId: string,
): ResourceServer {
  const canonical = canonicalResource(context.publicUrl(), resource);
  if (canonical === null) throw new errors.InvalidTarget();
  const { grant, params } = ctx.oidc;
  const named = [grant?.getResourceScope(canonical) ?? '', typeof params?.scope === 'string' ? params.scope : ''];
  const scopes = named.flatMap((list) => list.split(' ')).filter((scope) => fitsResource(scope, canonical));
  return {
    scope: [...new Set([defaultScope(canonical), ...scopes])].join(' '),
    audience: canonical,
    accessTokenTTL: context.settings.accessTokenSeconds,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256', kid: signingKeyId } },
  };
}
