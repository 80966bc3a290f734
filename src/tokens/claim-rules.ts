import type { ClaimRule } from '../config/issuer-schemas.ts';
import { compileGlob } from '../lib/glob.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** What claims give. */
export interface Given {
  /** Sorted, unique. */
  readonly roles: readonly string[];
  readonly groups: readonly string[];
}

/** What became of one rule, for people who look for a mistake in it. */
export interface RuleTrace {
  readonly rule: ClaimRule;
  /** What the claim says; empty when it is missing or has no text in it. */
  readonly values: readonly string[];
  readonly matched: boolean;
}

/** Applies the rules to the claims of a token whose signature was verified. */
export function applyClaimRules(rules: readonly ClaimRule[], claims: Claims): Given & { readonly trace: RuleTrace[] } {
  const trace = rules.map((rule): RuleTrace => {
    const values = claimValues(claims, rule.claim);
    const matches = rule.matches === undefined ? (text: string) => text === rule.equals : compileGlob(rule.matches);
    return { rule, values, matched: values.some(matches) };
  });
  const given = trace.filter(({ matched }) => matched);
  const sorted = (names: string[]): string[] => [...new Set(names)].sort();
  return {
    roles: sorted(given.flatMap(({ rule }) => rule.roles)),
    groups: sorted(given.flatMap(({ rule }) => rule.groups)),
    trace,
  };
}

/**
 * The values of a claim as text: of a list, each entry that is text, a number or true/false. A name that stands in the
 * claims as it is counts first, as some have dots in them (`https://example.com/roles`); then a dot leads into an object.
 */
export function claimValues(claims: Claims, name: string): string[] {
  const value = Object.hasOwn(claims, name) ? claims[name] : valueAtPath(claims, name.split('.'));
  return (Array.isArray(value) ? value : [value]).filter(isPlain).map(String);
}

function valueAtPath(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, name)) return undefined;
    value = (value as Claims)[name];
  }
  return value;
}

const isPlain = (value: unknown): boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
