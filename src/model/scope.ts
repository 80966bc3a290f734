import type { Target } from './decision.ts';

/**
 * The scopes of access tokens, from wide to narrow: `mcp` (whatever its principal may do at the resource), `mcp:{upstream}`,
 * `mcp:{upstream}:read` (its resources, prompts and read-only tools) and `mcp:{upstream}:{tool}`. A scope grants nothing:
 * it narrows what the roles of the principal allow.
 */
export const ROOT_SCOPE = 'mcp';

const READ = 'read';
const SCOPE = /^mcp(?::([a-z0-9-]{1,32})(?::([A-Za-z0-9_.-]{1,128}))?)?$/;

export interface ParsedScope {
  /** Null: every upstream. */
  readonly upstream: string | null;
  /** Null: everything of the upstream. */
  readonly part: string | null;
}

/** Null for what is no scope of ours, such as `openid`. */
export function parseScope(scope: string): ParsedScope | null {
  const match = SCOPE.exec(scope);
  return match === null ? null : { upstream: match[1] ?? null, part: match[2] ?? null };
}

/** Whether one of the scopes covers the target. A tool that is called `read` is covered by its upstream's scope only. */
export function scopesCover(scopes: readonly string[], target: Target): boolean {
  return scopes.some((scope) => {
    const parsed = parseScope(scope);
    if (parsed === null) return false;
    if (parsed.upstream === null) return true;
    if (parsed.upstream !== target.upstream) return false;
    if (parsed.part === null) return true;
    if (parsed.part === READ) return target.kind !== 'tool' || target.readOnly;
    return target.kind === 'tool' && parsed.part === target.name;
  });
}

/** Whether one of the scopes covers all that `scope` covers. */
export function scopesInclude(scopes: readonly string[], scope: string): boolean {
  const wanted = parseScope(scope);
  return scopes.some((given) => {
    if (given === scope) return true;
    const parsed = parseScope(given);
    if (parsed === null || wanted === null) return false;
    return parsed.upstream === null || (parsed.upstream === wanted.upstream && parsed.part === null);
  });
}

/** The narrowest scope of general use that covers the target: what a challenge asks for. */
export function scopeFor(target: Target): string {
  return target.kind !== 'tool' || target.readOnly ? `mcp:${target.upstream}:${READ}` : `mcp:${target.upstream}`;
}

/** The scope that covers a whole resource, `/mcp` or `/mcp/{upstream}`. */
export function scopeOfResource(resourcePath: string): string {
  const upstream = resourcePath.slice('/mcp/'.length);
  return upstream === '' ? ROOT_SCOPE : `mcp:${upstream}`;
}
