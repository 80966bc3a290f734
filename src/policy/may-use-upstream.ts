import { compileGlob } from '../lib/glob.ts';
import type { Caller } from '../model/principal.ts';
import type { Role, RoleRule } from '../model/role.ts';

/**
 * Whether rules leave the caller anything of an upstream, whatever it may offer: for what is told before its lists are
 * known, or when they cannot be had. Names of single primitives are left to the decision, so this may say yes where every
 * list turns out empty; it never says no to somebody who may use something.
 */
export function mayUseUpstream(
  roles: readonly Role[],
  { roles: own, restriction }: Pick<Caller, 'roles' | 'restriction'>,
  upstream: string,
): boolean {
  if (!isOpen(roles, own, upstream)) return false;
  if (restriction === undefined) return true;
  if (restriction.roles.length > 0 && !isOpen(roles, restriction.roles, upstream)) return false;
  return restriction.tools.length === 0 || restriction.tools.some((glob) => canBegin(glob, `${upstream}__`));
}

function isOpen(roles: readonly Role[], names: readonly string[], upstream: string): boolean {
  const covers = (rule: RoleRule): boolean => compileGlob(rule.upstream)(upstream);
  const mine = roles.filter(({ name }) => names.includes(name));
  const allowed = mine.some(({ allow }) => allow.some(covers));
  return allowed && !mine.some(({ deny }) => deny.some((rule) => isWhole(rule) && covers(rule)));
}

/** It names no primitives, so it is about everything of its upstreams. */
const isWhole = ({ tools, prompts, resources, when }: RoleRule): boolean =>
  tools === undefined && prompts === undefined && resources === undefined && when === undefined;

/** Whether a glob can match a text that begins like this. */
function canBegin(glob: string, beginning: string): boolean {
  const star = glob.indexOf('*');
  if (star < 0) return glob.startsWith(beginning);
  const literal = glob.slice(0, star);
  return literal.startsWith(beginning) || beginning.startsWith(literal);
}
