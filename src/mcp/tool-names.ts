/** Upstream names have no underscore, so the first `__` always ends the prefix, whatever the tool is called. */
const SEPARATOR = '__';

/** `jira` + `create_issue` → `jira__create_issue`: the name of a tool or prompt on `/mcp`. */
export const prefixedName = (upstream: string, name: string): string => `${upstream}${SEPARATOR}${name}`;

/** Undoes `prefixedName`; null for a name without a prefix. */
export function splitName(prefixed: string): { upstream: string; name: string } | null {
  const at = prefixed.indexOf(SEPARATOR);
  return at <= 0 ? null : { upstream: prefixed.slice(0, at), name: prefixed.slice(at + SEPARATOR.length) };
}
