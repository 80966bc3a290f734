import { parseScope, scopeOfResource, scopesInclude } from '../model/scope.ts';

/** `/mcp` or `/mcp/{upstream}`: the paths that are protected resources. */
const RESOURCE_PATH = /^\/mcp(?:\/[a-z0-9-]{1,32})?$/;
/** Of OpenID Connect: accepted for the sake of clients that always ask, and no access to anything. */
export const HARMLESS_SCOPES: readonly string[] = ['openid', 'offline_access'];

/**
 * The one spelling of a resource URL (RFC 8707), or null when it cannot be a resource of this gateway. Clients append a
 * slash, which is why it is taken off here and nowhere else. Whether the upstream exists is not looked at: strangers
 * must not find out which there are.
 */
export function canonicalResource(publicUrl: string, resource: string): string | null {
  const url = URL.parse(resource);
  if (url === null || url.origin !== publicUrl || url.search !== '' || url.hash !== '' || url.username !== '')
    return null;
  const path = url.pathname.replace(/\/$/, '');
  return RESOURCE_PATH.test(path) ? `${publicUrl}${path}` : null;
}

export const resourcePath = (resource: string): string => new URL(resource).pathname;

/** What a client gets that asks for no scope of ours. */
export const defaultScope = (resource: string): string => scopeOfResource(resourcePath(resource));

/** Whether a scope of ours can be asked for at a resource: one of another upstream would never cover anything there. */
export function fitsResource(scope: string, resource: string): boolean {
  const parsed = parseScope(scope);
  if (parsed === null) return false;
  const upstream = resourcePath(resource).slice('/mcp/'.length);
  return parsed.upstream === null || upstream === '' || parsed.upstream === upstream;
}

/**
 * The scopes to decide on, of those that were asked for: foreign ones are passed over, as clients send what they got from
 * elsewhere (RFC 6749 §3.3), and without one of ours the whole resource is meant. Null when one of ours cannot be had at
 * this resource: giving something wider instead would not be what was asked.
 */
export function scopesToGrant(asked: readonly string[], resource: string): readonly string[] | null {
  const ours = asked.filter((scope) => parseScope(scope) !== null);
  if (!ours.every((scope) => fitsResource(scope, resource))) return null;
  return [...new Set(ours.length > 0 ? ours : [defaultScope(resource)])];
}

/** What both lists cover; null when that is nothing. An empty limit is none. */
export function withinLimit(scopes: readonly string[], limit: readonly string[]): readonly string[] | null {
  if (limit.length === 0) return scopes;
  const both = [
    ...scopes.filter((scope) => scopesInclude(limit, scope)),
    ...limit.filter((scope) => parseScope(scope) !== null && scopesInclude(scopes, scope)),
  ];
  return both.length === 0 ? null : [...new Set(both)];
}
