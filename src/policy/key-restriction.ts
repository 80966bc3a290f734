import { compileGlob } from '../lib/glob.ts';
import type { Target } from '../model/decision.ts';
import type { KeyRestriction } from '../model/principal.ts';

const compiled = new WeakMap<KeyRestriction, readonly ((text: string) => boolean)[]>();

/**
 * Whether the tool filter of a key covers the target. The globs are matched against `{upstream}__{name}`, the name that a
 * tool has on `/mcp`, and prompts and resources are held to the same globs in the same way: `github__*` covers everything
 * of github, `github__get_*` no resource, since no URI starts with `get_`. A filter without globs covers everything.
 */
export function filterCovers(restriction: KeyRestriction, target: Target): boolean {
  if (restriction.tools.length === 0) return true;
  let globs = compiled.get(restriction);
  if (globs === undefined) {
    globs = restriction.tools.map(compileGlob);
    compiled.set(restriction, globs);
  }
  const name = `${target.upstream}__${target.name}`;
  for (const matches of globs) if (matches(name)) return true;
  return false;
}
