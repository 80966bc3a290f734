import type { PrimitiveKind } from '../model/catalogue.ts';
import type { Decision, Target } from '../model/decision.ts';
import { ADMIN_ROLES } from '../model/principal.ts';
import type { Role } from '../model/role.ts';
import type { CedarRuntime } from './cedar-runtime.ts';
import { compileRoles, type Policy } from './compile-roles.ts';
import { createSlices, type Slice } from './policy-slices.ts';
import { createQuestions } from './questions.ts';
import { readRawPolicies } from './raw-policies.ts';
import { reasonForDefault, reasonNotToAsk, reasonOf } from './reasons.ts';

/** Decides by Cedar. Default deny; a forbid that applies wins; whatever cannot be evaluated is denied. */
export interface PolicyEngine {
  /** Grows with every replacement; what was decided under another generation is void. */
  readonly generation: number;
  /** Names of the roles that exist, sorted. */
  readonly roles: readonly string[];
  /** May a subject with these roles (no others) use the target? 50 to 100 µs; the decision table remembers the answers. */
  decide(roles: readonly string[], target: Target): Decision;
  /** What `decide` says about each target, without reasons and, for many, several times faster. For lists. */
  allowed(roles: readonly string[], targets: readonly Target[]): boolean[];
  /** The policy behind an id in `Decision.rules`. */
  policy(id: string): Policy | undefined;
  /**
   * Swaps roles and Cedar text, for the next decision on.
   * @throws AppError `unprocessable` with every fault; then nothing has changed.
   */
  replace(roles: readonly Role[], cedar?: string): void;
}

export interface PolicyEngineOptions {
  readonly roles: readonly Role[];
  /** Further policies in Cedar itself, beside those that the roles compile to. */
  readonly cedar?: string | undefined;
  /** Told about every failure of Cedar itself, for the log. The decision was a deny, or was made by a new instance. */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/**
 * Cedar is only loaded to check Cedar text, or else by the first decision, which takes about 100 ms then: a start is not slowed
 * by it, and a gateway that nobody calls does without its 30 MB.
 *
 * @throws AppError `unprocessable` with every fault
 */
export function createPolicyEngine({ roles, cedar, onFault }: PolicyEngineOptions): PolicyEngine {
  const questions = createQuestions(onFault);
  let generation = 1;
  let rules = buildRules(questions.runtime, roles, cedar);

  function decide(roleSet: readonly string[], target: Target): Decision {
    const unaskable = reasonNotToAsk(target);
    if (unaskable !== null) return rules.decision(false, unaskable, []);
    const slice = rules.slicesOf(roleSet)(target);
    // No policy can apply: Cedar's answer to that is its default, deny.
    if (slice.policies.length === 0) return rules.decision(false, reasonForDefault(roleSet, target), []);
    const annotations = `${target.readOnly} ${target.destructive}`;
    const known = slice.answers?.get(annotations);
    if (known !== undefined) return known;
    const { allowed, determining, fault } = questions.one(slice, target);
    let reason = determining.length === 0 ? reasonForDefault(roleSet, target) : reasonOf(determining);
    if (fault !== null) reason = `denied, because the policy could not be evaluated: ${fault}`;
    const ids = determining.map((policy) => policy.id);
    const decision = rules.decision(allowed, reason, ids);
    slice.answers?.set(annotations, decision);
    return decision;
  }

  function allowed(roleSet: readonly string[], targets: readonly Target[]): boolean[] {
    const answers: (boolean | null)[] = targets.map(() => null);
    // Targets of one kind whose slices hold the same policies can share a batch, whatever their upstreams are.
    const groups = new Map<string, { slice: Slice; kind: PrimitiveKind; positions: number[] }>();
    const sliceOf = rules.slicesOf(roleSet);
    for (const [position, target] of targets.entries()) {
      const slice = sliceOf(target);
      if (slice.policies.length === 0 || reasonNotToAsk(target) !== null) {
        answers[position] = false;
      } else if (slice.answers === null) {
        const key = `${target.kind} ${slice.key}`;
        const group = groups.get(key);
        if (group !== undefined) group.positions.push(position);
        else groups.set(key, { slice, kind: target.kind, positions: [position] });
      }
    }
    for (const { slice, kind, positions } of groups.values()) {
      const verdicts = questions.many(
        slice,
        kind,
        positions.map((position) => targets[position]!),
      );
      for (const [index, position] of positions.entries()) answers[position] = verdicts[index]!;
    }
    return targets.map((target, position) => answers[position] ?? decide(roleSet, target).allowed);
  }

  return {
    decide,
    allowed,
    get generation() {
      return generation;
    },
    get roles() {
      return rules.roleNames;
    },
    policy: (id) => rules.byId.get(id),
    replace(newRoles, newCedar) {
      rules = buildRules(questions.runtime, newRoles, newCedar);
      questions.clear();
      generation++;
    },
  };
}

const MAX_DECISIONS = 4096;

/** One generation: everything that follows from one list of roles and one Cedar text. */
function buildRules(runtime: CedarRuntime, roles: readonly Role[], cedar: string | undefined) {
  const roleNames = roles.map((role) => role.name).sort();
  const compiled = compileRoles(roles).policies;
  const mentionable = new Set([...roleNames, ...ADMIN_ROLES]);
  const raw = cedar === undefined || cedar.trim() === '' ? [] : readRawPolicies(runtime, cedar, mentionable);
  const policies = [...compiled, ...raw];
  const decisions = new Map<string, Decision>();
  return {
    roleNames,
    byId: new Map(policies.map((policy) => [policy.id, policy])),
    slicesOf: createSlices(policies),
    /** Equal decisions are one object: thousands of tools share the few that there are. */
    decision(allowed: boolean, reason: string, ids: readonly string[]): Decision {
      const key = `${allowed} ${reason} ${ids.join('\n')}`;
      const known = decisions.get(key);
      if (known !== undefined) return known;
      if (decisions.size >= MAX_DECISIONS) decisions.clear();
      const decision: Decision = { allowed, reason, rules: ids };
      decisions.set(key, decision);
      return decision;
    },
  };
}
