import type { Decision, Target } from '../model/decision.ts';
import { ADMIN_ROLES } from '../model/principal.ts';
import type { Role } from '../model/role.ts';
import { askCedar, type Verdict } from './ask-cedar.ts';
import { type CedarRuntime, createCedarRuntime } from './cedar-runtime.ts';
import { printable } from './cedar-text.ts';
import { compileRoles, type Policy } from './compile-roles.ts';
import { createSlices, createSlots, type Slice } from './policy-slices.ts';
import { readRawPolicies } from './raw-policies.ts';

/** Decides by Cedar. Default deny; a forbid that applies wins; whatever cannot be evaluated is denied. */
export interface PolicyEngine {
  /** Grows with every replacement; what was decided under another generation is void. */
  readonly generation: number;
  /** Names of the roles that exist, sorted. */
  readonly roles: readonly string[];
  /** May a subject with these roles (no others) use the target? 50 to 100 µs; the decision table remembers the answers. */
  decide(roles: readonly string[], target: Target): Decision;
  /** The policy behind an id in `Decision.rules`. */
  policy(id: string): Policy | undefined;
  /**
   * Swaps roles and Cedar text, for the next decision on.
   * @throws AppError `unprocessable` with every fault; then nothing has changed.
   */
  replace(roles: readonly Role[], cedar?: string): void;
  /** Loads Cedar and lets it decide once, about 100 ms, so that the first real decision does not have to. */
  warmUp(): void;
}

export interface PolicyEngineOptions {
  readonly roles: readonly Role[];
  /** Further policies in Cedar itself, beside those that the roles compile to. */
  readonly cedar?: string | undefined;
  /** Told about every failure of Cedar itself, for the log. The decision was a deny, or was made by a new instance. */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/**
 * Cedar is only loaded to check Cedar text, or else by `warmUp` or the first decision, so that a start is not slowed by it.
 *
 * @throws AppError `unprocessable` with every fault
 */
export function createPolicyEngine({ roles, cedar, onFault }: PolicyEngineOptions): PolicyEngine {
  const runtime = createCedarRuntime();
  const slots = createSlots(runtime);
  let generation = 1;
  let rules = buildRules(runtime, roles, cedar);

  /** A trap costs an instance, not an answer: the new instance is asked once more. A question that broke both is denied. */
  function evaluate(slice: Slice, target: Target): Verdict {
    let fault = '';
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        const verdict = askCedar(runtime, slots.prepare(slice), slice, target);
        if (verdict.fault !== null) onFault?.(new Error(verdict.fault));
        return verdict;
      } catch (error) {
        onFault?.(error);
        fault = printable(String(error));
      }
    }
    return { allowed: false, determining: [], fault };
  }

  return {
    get generation() {
      return generation;
    },
    get roles() {
      return rules.roleNames;
    },
    decide(roleSet, target) {
      const unaskable = reasonNotToAsk(target);
      if (unaskable !== null) return rules.decision(false, unaskable, []);
      const slice = rules.sliceFor(roleSet, target);
      // No policy can apply: Cedar's answer to that is its default, deny.
      if (slice.policies.length === 0) return rules.decision(false, defaultReason(roleSet, target), []);
      const features = `${target.readOnly} ${target.destructive}`;
      const known = slice.answers?.get(features);
      if (known !== undefined) return known;
      const { allowed, determining, fault } = evaluate(slice, target);
      const reason =
        fault !== null
          ? `denied, because the policy could not be evaluated: ${fault}`
          : determining.length === 0
            ? defaultReason(roleSet, target)
            : reasonOf(determining);
      const ids = determining.map((policy) => policy.id);
      const decision = rules.decision(allowed, reason, ids);
      slice.answers?.set(features, decision);
      return decision;
    },
    policy: (id) => rules.byId.get(id),
    replace(newRoles, newCedar) {
      rules = buildRules(runtime, newRoles, newCedar);
      slots.clear();
      generation++;
    },
    warmUp() {
      const { policies } = compileRoles([
        { name: 'probe', description: '', allow: [{ upstream: '*', tools: ['*_'] }], deny: [] },
      ]);
      const slice: Slice = { key: 'probe', policies, roles: ['probe'], answers: null };
      evaluate(slice, { upstream: 'probe', kind: 'tool', name: 'probe', readOnly: false, destructive: false });
    },
  };
}

const MAX_DECISIONS = 4096;

/** One generation: everything that follows from one list of roles and one Cedar text. */
function buildRules(runtime: CedarRuntime, roles: readonly Role[], cedar: string | undefined) {
  const roleNames = roles.map((role) => role.name).sort();
  const compiled = compileRoles(roles).policies;
  const known = new Set([...roleNames, ...ADMIN_ROLES]);
  const raw = cedar === undefined || cedar.trim() === '' ? [] : readRawPolicies(runtime, cedar, known);
  const policies = [...compiled, ...raw];
  const decisions = new Map<string, Decision>();
  return {
    roleNames,
    byId: new Map(policies.map((policy) => [policy.id, policy])),
    sliceFor: createSlices(policies),
    /** Equal decisions are one object: thousands of tools share the few that there are. */
    decision(allowed: boolean, reason: string, rules: readonly string[]): Decision {
      const key = `${allowed} ${reason} ${rules.join('\n')}`;
      const known = decisions.get(key);
      if (known !== undefined) return known;
      if (decisions.size >= MAX_DECISIONS) decisions.clear();
      const decision: Decision = { allowed, reason, rules };
      decisions.set(key, decision);
      return decision;
    },
  };
}

/** Longer names (only a URI could be one) are denied unasked, so that nobody makes a match expensive. UTF-16 code units. */
const MAX_NAME_LENGTH = 8192;

function reasonNotToAsk({ upstream, name }: Target): string | null {
  if (name.length > MAX_NAME_LENGTH) return `denied, because the name is longer than ${MAX_NAME_LENGTH} characters`;
  // Cedar would fail on half of a surrogate pair, at the cost of its instance.
  if (!name.isWellFormed() || !upstream.isWellFormed()) return 'denied, because the name is not valid Unicode';
  return null;
}

function defaultReason(roles: readonly string[], { kind }: Target): string {
  if (roles.length === 0) return `no role is assigned, so no ${kind} is allowed`;
  const named = roles.slice(0, 8).join(', ');
  const more = roles.length > 8 ? ` and ${roles.length - 8} more` : '';
  return printable(
    `${roles.length === 1 ? 'role' : 'none of the roles'} ${named}${more} ${roles.length === 1 ? 'does not allow' : 'allows'} this ${kind}`,
  );
}

function reasonOf([first, ...others]: readonly Policy[]): string {
  const more = others.length === 0 ? '' : ` (and ${others.length} more ${others.length === 1 ? 'rule' : 'rules'})`;
  return `${first!.id}: ${first!.reason}${more}`;
}
