import { AppError } from '../errors/app-error.ts';
import type { Target } from '../model/decision.ts';
import type { Caller } from '../model/principal.ts';
import { parseScope, scopeFor, scopeOfResource, scopesCover } from '../model/scope.ts';

/**
 * A token says nothing about MCP unless one of its scopes does: one for `openid` alone opens nothing here.
 * @throws AppError `insufficient_scope`
 */
export function requireScopeOf({ grant }: Caller, resourcePath: string): void {
  if (grant === undefined || grant.scopes.some((scope) => parseScope(scope) !== null)) return;
  throw insufficient(grant.scopes, scopeOfResource(resourcePath));
}

/** The error when a call that policy allows needs more than the scopes of its token; null when they cover it. */
export function scopeRefusal({ grant }: Caller, target: Target): AppError | null {
  if (grant === undefined || scopesCover(grant.scopes, target)) return null;
  return insufficient(grant.scopes, scopeFor(target));
}

/** The error when a token covers nothing of an upstream at all; null when it covers something, and for access keys. */
export function missingScope({ grant }: Caller, upstream: string): AppError | null {
  if (grant === undefined) return null;
  const covers = (scope: string): boolean => {
    const parsed = parseScope(scope);
    return parsed !== null && (parsed.upstream === null || parsed.upstream === upstream);
  };
  return grant.scopes.some(covers) ? null : insufficient(grant.scopes, `mcp:${upstream}`);
}

/**
 * `data.scopes` is what the challenge asks for: what the operation needs beside what the token has, since a client that
 * asks for exactly this would otherwise lose the rest (2025-11-25, "Scope Challenge Handling").
 */
function insufficient(granted: readonly string[], needed: string): AppError {
  const scopes = [...granted.filter((scope) => parseScope(scope) !== null), needed];
  return new AppError('insufficient_scope', `The access token does not cover this; it needs the scope \`${needed}\`.`, {
    data: { scopes },
  });
}
