import type { PrimitiveKind } from '../model/catalogue.ts';
import type { Role, RoleRule } from '../model/role.ts';
import { ACTION, ACTION_OF, KINDS, ROLE, TYPE_OF, UPSTREAM } from './cedar-schema.ts';
import { cedarPattern, cedarString, printable } from './cedar-text.ts';
import { refusalOf } from './fault.ts';

/** Which rule of which role a policy came from. */
export interface RuleRef {
  readonly role: string;
  readonly list: 'allow' | 'deny';
  readonly index: number;
}

/** One Cedar policy, and what of a question it can depend on; policy-slices.ts leaves out what cannot matter. */
export interface Policy {
  /** `engineer/allow/0`, `cedar/3` or `cedar/{@id}`. Unique. */
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  /** One line for people. */
  readonly reason: string;
  readonly cedar: string;
  /** It applies only to subjects with this role; undefined: perhaps to any subject. */
  readonly role: string | undefined;
  /** It applies only to primitives of these kinds. */
  readonly kinds: readonly PrimitiveKind[];
  /** It applies only to this upstream; undefined: perhaps to any. */
  readonly upstream: string | undefined;
  /** Whether the answer can differ between two primitives that differ only in their names. */
  readonly readsName: boolean;
  /** Every role that it mentions anywhere. */
  readonly mentionedRoles: readonly string[];
  /**
   * The whole condition under which it applies to a primitive of the kind, as a Cedar expression in which `read` gives the
   * expression for an attribute; null for policies that could not be put that way. For asking about many (ask-batch.ts).
   */
  readonly appliesTo: ((kind: PrimitiveKind, read: Read) => string) | null;
}

export type Attribute = 'upstream' | 'name' | 'readOnly' | 'destructive';
type Read = (attribute: Attribute) => string;
const readResource: Read = (attribute) => `resource.${attribute}`;

export interface CompiledRoles {
  /** All policies, as one text. */
  readonly cedar: string;
  readonly policies: readonly Policy[];
  readonly ruleOf: ReadonlyMap<string, RuleRef>;
}

/**
 * Turns roles into Cedar: one policy per rule, with the id `{role}/allow/{index}` or `{role}/deny/{index}`. No text in a
 * role can become anything but a string literal, whatever it is. A rule that covers nothing (`tools: []`) gives no policy.
 *
 * @throws AppError `unprocessable` when two roles have one name, or a text is not valid Unicode.
 */
export function compileRoles(roles: readonly Role[]): CompiledRoles {
  const policies: Policy[] = [];
  const ruleOf = new Map<string, RuleRef>();
  const names = new Set<string>();
  for (const [position, { name, allow, deny }] of roles.entries()) {
    if (names.has(name))
      throw refusalOf([{ path: [position, 'name'], problem: `There are two roles "${name}".`, fix: 'Rename one.' }]);
    names.add(name);
    for (const [list, rules] of [
      ['allow', allow],
      ['deny', deny],
    ] as const) {
      for (const [index, rule] of rules.entries()) {
        const policy = compileRule({ role: name, list, index }, rule);
        if (policy === null) continue;
        policies.push(policy);
        ruleOf.set(policy.id, { role: name, list, index });
      }
    }
  }
  return { cedar: policies.map((policy) => policy.cedar).join('\n\n'), policies, ruleOf };
}

/** Globs by kind, for the kinds that a rule covers. */
type Coverage = ReadonlyMap<PrimitiveKind, readonly string[]>;

/**
 * A rule that names no kind covers all three; with `when`, which only tools can meet, it covers tools alone: otherwise
 * "deny what is destructive" would deny every prompt.
 */
function coverageOf({ tools, prompts, resources, when }: RoleRule): Coverage {
  const everything = ['*'];
  if (tools === undefined && prompts === undefined && resources === undefined)
    return new Map((when === undefined ? KINDS : (['tool'] as const)).map((kind) => [kind, everything]));
  const named = { tool: tools, prompt: prompts, resource: resources };
  return new Map(KINDS.flatMap((kind) => (named[kind]?.length ? [[kind, named[kind]] as const] : [])));
}

function compileRule(ref: RuleRef, rule: RoleRule): Policy | null {
  const coverage = coverageOf(rule);
  if (coverage.size === 0) return null;
  const id = `${ref.role}/${ref.list}/${ref.index}`;
  const effect = ref.list === 'allow' ? 'permit' : 'forbid';
  const upstream = rule.upstream.includes('*') ? undefined : rule.upstream;
  const kinds = [...coverage.keys()];
  const reason = printable(describeRule(ref, rule, coverage));
  const role = `${ROLE}::${cedarString(ref.role)}`;
  const scope = [
    `principal in ${role}`,
    actionScope(kinds),
    upstream === undefined ? 'resource' : `resource in ${UPSTREAM}::${cedarString(upstream)}`,
  ];
  const conditions = conditionsOf(rule, coverage).map((condition) => `\nwhen { ${condition} }`);
  const cedar = [
    `@id(${cedarString(id)})`,
    `@reason(${cedarString(reason)})`,
    `${effect} (\n  ${scope.join(',\n  ')}\n)${conditions.join('')};`,
  ].join('\n');
  const appliesTo = (kind: PrimitiveKind, read: Read): string => {
    const parts = [`principal in ${role}`, upstreamCondition(rule, read), coveredCondition(kind, coverage, rule, read)];
    return parts
      .filter((part) => part !== null)
      .map((part) => `(${part})`)
      .join(' && ');
  };
  const readsName = [...coverage.values()].some((globs) => !coversAll(globs));
  return {
    id,
    effect,
    reason,
    cedar,
    role: ref.role,
    kinds,
    upstream,
    readsName,
    mentionedRoles: [ref.role],
    appliesTo,
  };
}

function actionScope(kinds: readonly PrimitiveKind[]): string {
  const actions = kinds.map((kind) => `${ACTION}::${cedarString(ACTION_OF[kind])}`);
  if (actions.length === KINDS.length) return 'action';
  return actions.length === 1 ? `action == ${actions[0]}` : `action in [${actions.join(', ')}]`;
}

/** What the scope does not say: one condition for an upstream glob, one for what is covered. All must hold. */
function conditionsOf(rule: RoleRule, coverage: Coverage): string[] {
  const byKind = [...coverage.keys()].map(
    (kind) => [kind, coveredCondition(kind, coverage, rule, readResource)] as const,
  );
  const alternatives = byKind.map(([kind, covered]) => {
    const is = `resource is ${TYPE_OF[kind]}`;
    return covered === null ? is : `(${is} && (${covered}))`;
  });
  const covered =
    byKind.length === 1 ? byKind[0]![1] : byKind.every(([, one]) => one === null) ? null : alternatives.join(' || ');
  const upstream = rule.upstream.includes('*') ? upstreamCondition(rule, readResource) : null;
  return [upstream, covered].filter((condition) => condition !== null);
}

function upstreamCondition({ upstream }: RoleRule, read: Read): string | null {
  return coversAll([upstream]) ? null : matches(read('upstream'), upstream);
}

/** Under which condition a primitive of this kind is covered; null when every one is. */
function coveredCondition(kind: PrimitiveKind, coverage: Coverage, { when }: RoleRule, read: Read): string | null {
  const globs = coverage.get(kind)!;
  const all: string[] = [];
  if (!coversAll(globs)) {
    const literals = globs.filter((glob) => !glob.includes('*'));
    const alternatives = globs.filter((glob) => glob.includes('*')).map((glob) => matches(read('name'), glob));
    if (literals.length === 1) alternatives.unshift(matches(read('name'), literals[0]!));
    if (literals.length > 1)
      alternatives.unshift(`[${literals.map(cedarString).join(', ')}].contains(${read('name')})`);
    all.push(anyOf(alternatives));
  }
  if (kind === 'tool') {
    if (when?.readOnly !== undefined) all.push(`${when.readOnly ? '' : '!'}${read('readOnly')}`);
    if (when?.destructive !== undefined) all.push(`${when.destructive ? '' : '!'}${read('destructive')}`);
  }
  if (all.length === 0) return null;
  return all.length === 1 ? all[0]! : all.map((one) => `(${one})`).join(' && ');
}

const matches = (attribute: string, glob: string): string =>
  glob.includes('*') ? `${attribute} like ${cedarPattern(glob)}` : `${attribute} == ${cedarString(glob)}`;

/**
 * Long alternatives are nested in halves: Cedar evaluates `a || b || c …` recursively, and about 500 of them in one row
 * overflow its stack.
 */
export function anyOf(conditions: readonly string[]): string {
  if (conditions.length <= 16) return conditions.join(' || ');
  const half = conditions.length >> 1;
  return `(${anyOf(conditions.slice(0, half))}) || (${anyOf(conditions.slice(half))})`;
}

const coversAll = (globs: readonly string[]): boolean => globs.some((glob) => /^\*+$/.test(glob));

/** `role engineer allows read-only tools get_*, list_* and all prompts of github`. */
function describeRule(ref: RuleRef, { upstream, when }: RoleRule, coverage: Coverage): string {
  const verb = ref.list === 'allow' ? 'allows' : 'denies';
  const everything = coverage.size === KINDS.length && [...coverage.values()].every(coversAll);
  const what = [...coverage].map(([kind, globs]) => {
    const plural = kind === 'tool' ? `${annotationsOf(when)}tools` : `${kind}s`;
    return coversAll(globs) ? `all ${plural}` : `${plural} ${listed(globs)}`;
  });
  const where = coversAll([upstream]) ? 'every upstream' : upstream;
  return `role ${ref.role} ${verb} ${everything && when === undefined ? 'everything' : what.join(' and ')} of ${where}`;
}

function annotationsOf(when: RoleRule['when']): string {
  const readOnly = when?.readOnly === undefined ? '' : when.readOnly ? 'read-only ' : 'not read-only ';
  const destructive = when?.destructive === undefined ? '' : when.destructive ? 'destructive ' : 'not destructive ';
  return readOnly + destructive;
}

function listed(globs: readonly string[]): string {
  const shown = globs.slice(0, 5).join(', ');
  return globs.length > 5 ? `${shown} and ${globs.length - 5} more` : shown;
}
