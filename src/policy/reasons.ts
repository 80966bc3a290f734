import type { Target } from '../model/decision.ts';
import { printable } from './cedar-text.ts';
import type { Policy } from './compile-roles.ts';

/** Longer names (only a URI could be one) are denied unasked, so that nobody makes a match expensive. UTF-16 code units. */
const MAX_NAME_LENGTH = 8192;

/** Why Cedar is not asked about the target at all; null when it is. */
export function reasonNotToAsk({ upstream, name }: Target): string | null {
  if (name.length > MAX_NAME_LENGTH) return `denied, because the name is longer than ${MAX_NAME_LENGTH} characters`;
  // Cedar would fail on half of a surrogate pair, at the cost of its instance.
  if (!name.isWellFormed() || !upstream.isWellFormed()) return 'denied, because the name is not valid Unicode';
  return null;
}

/** Names what decided: the first policy, and how many more. */
export function reasonOf([first, ...others]: readonly Policy[]): string {
  const more = others.length === 0 ? '' : ` (and ${others.length} more ${others.length === 1 ? 'rule' : 'rules'})`;
  return `${first!.id}: ${first!.reason}${more}`;
}

export function reasonForDefault(roles: readonly string[], { kind }: Target): string {
  if (roles.length === 0) return `no role is assigned, so no ${kind} is allowed`;
  if (roles.length === 1) return printable(`role ${roles[0]} does not allow this ${kind}`);
  const more = roles.length > 8 ? ` and ${roles.length - 8} more` : '';
  return printable(`none of the roles ${roles.slice(0, 8).join(', ')}${more} allows this ${kind}`);
}
