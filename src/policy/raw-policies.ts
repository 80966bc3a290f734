import type { DetailedError, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { closestMatch } from '../lib/closest.ts';
import type { PrimitiveKind } from '../model/catalogue.ts';
import type { Cedar, CedarRuntime } from './cedar-runtime.ts';
import { ACTION_OF, KINDS, ROLE, SCHEMA, SUBJECT, UPSTREAM } from './cedar-schema.ts';
import { printable } from './cedar-text.ts';
import type { Policy } from './compile-roles.ts';
import { type PolicyFault, refusalOf } from './fault.ts';
import { deepestNesting, MAX_CEDAR_BYTES, MAX_NESTING } from './nesting.ts';

/** Each policy that may apply is copied for every question (about 2 µs), so a list of 1,000 tools takes 1 s with these. */
const MAX_POLICIES = 500;
/** Nested objects of a policy's JSON form, two for each operator. A row of 1,000 operators breaks the instance, 300 do not. */
const MAX_DEPTH = 400;

/**
 * Reads policies written in Cedar itself. They are held to the schema, in full: a policy that Cedar would only warn about
 * because it can never apply is refused too, since a forbid with a slip in it would protect nothing.
 *
 * @param knownRoles names that a policy may mention
 * @throws AppError `unprocessable` with all faults, each with its line
 */
export function readRawPolicies(runtime: CedarRuntime, text: string, knownRoles: ReadonlySet<string>): Policy[] {
  const fault = unreadable(text);
  if (fault !== null) throw refusalOf([fault]);
  const parts = parse(runtime, text);
  const faults = validate(runtime, text, parts);
  if (faults.length > 0) throw refusalOf(faults);
  const policies = parts.map((part, position) => toPolicy(part, position));
  const names = new Map<string, number>();
  for (const { id } of policies) names.set(id, (names.get(id) ?? 0) + 1);
  for (const [id, count] of names)
    if (count > 1) faults.push(cedarFault(`${count} policies have the @id "${id.slice(6)}".`, 'Make each @id unique.'));
  for (const [position, policy] of policies.entries())
    faults.push(...doubtsAbout(policy, parts[position]!.json, knownRoles));
  if (faults.length > 0) throw refusalOf(faults);
  return policies;
}

interface Part {
  readonly text: string;
  readonly json: PolicyJson;
}

const cedarFault = (problem: string, fix: string): PolicyFault => ({ path: ['cedar'], problem, fix });

/** What is known without the parser, which a hostile text could break. */
function unreadable(text: string): PolicyFault | null {
  if (Buffer.byteLength(text) > MAX_CEDAR_BYTES)
    return cedarFault(`The text is longer than ${MAX_CEDAR_BYTES} bytes.`, 'Move what roles can say into roles.');
  if (!text.isWellFormed()) return cedarFault('The text holds half of a surrogate pair.', 'Use valid Unicode.');
  if (deepestNesting(text) > MAX_NESTING)
    return cedarFault(`Brackets or ifs nest deeper than ${MAX_NESTING}.`, 'Split the policy into several.');
  return null;
}

function parse(runtime: CedarRuntime, text: string): Part[] {
  const answer = guarded(runtime, (cedar) => cedar.policySetTextToParts(text));
  if (answer.type === 'failure') throw refusalOf(answer.errors.map((error) => faultOf(error, text)));
  if (answer.policy_templates.length > 0)
    throw refusalOf([cedarFault('Templates (`?principal`, `?resource`) are not supported.', 'Write the policy out.')]);
  if (answer.policies.length > MAX_POLICIES)
    throw refusalOf([
      cedarFault(`There are more than ${MAX_POLICIES} policies.`, 'Move what roles can say into roles.'),
    ]);
  // The parts come sorted by `policy0`, `policy1`, `policy10`, …: back into the order of the text.
  const ids = answer.policies.map((_, position) => `policy${position}`).sort();
  const parts: Part[] = [];
  for (const [sorted, part] of answer.policies.entries()) {
    const parsed = guarded(runtime, (cedar) => cedar.policyToJson(part));
    if (parsed.type === 'failure') throw refusalOf(parsed.errors.map((error) => faultOf(error, part)));
    if (isDeeperThan(MAX_DEPTH, parsed.json)) throw tooComplex();
    parts[positionOf(ids[sorted]!)] = { text: part, json: parsed.json };
  }
  return parts;
}

/** What still breaks the instance, although it passed the checks above, is a fault of the text like any other. */
function guarded<T>(runtime: CedarRuntime, use: (cedar: Cedar) => T): T {
  try {
    return runtime.run(use);
  } catch (cause) {
    throw tooComplex(cause);
  }
}

function tooComplex(cause?: unknown): Error {
  const refusal = refusalOf([cedarFault('A condition is too complex.', 'Split it into several policies.')]);
  refusal.cause = cause;
  return refusal;
}

const positionOf = (policyId: string): number => Number(policyId.slice('policy'.length));

function validate(runtime: CedarRuntime, text: string, parts: readonly Part[]): PolicyFault[] {
  const answer = guarded(runtime, (cedar) => cedar.validate({ schema: SCHEMA, policies: { staticPolicies: text } }));
  if (answer.type === 'failure') return answer.errors.map((error) => faultOf(error, text));
  const broken = new Set(answer.validationErrors.map(({ policyId }) => policyId));
  const impossible = answer.validationWarnings.filter(({ policyId, error }) => {
    if (broken.has(policyId) || !/impossible|applicable action/.test(error.message)) return false;
    broken.add(policyId);
    return true;
  });
  return [...answer.validationErrors, ...impossible].map(({ policyId, error }) =>
    faultOf(
      { ...error, message: error.message.replaceAll(`\`${policyId}\``, idOf(parts, positionOf(policyId))) },
      text,
    ),
  );
}

/** Cedar's own message and help, behind the line that it is about. */
function faultOf(error: DetailedError, text: string): PolicyFault {
  const start = error.sourceLocations?.[0]?.start;
  const place =
    start === undefined ? '' : `line ${Buffer.from(text).subarray(0, start).toString().split('\n').length}: `;
  const help = error.help ?? error.related?.[0]?.help ?? null;
  const fix = help === null ? '' : `${help.charAt(0).toUpperCase()}${help.slice(1)}`;
  return cedarFault(`${place}${printable(error.message)}${error.message.endsWith('.') ? '' : '.'}`, printable(fix));
}

/** What Cedar accepts although it cannot be meant. */
function doubtsAbout(policy: Policy, json: PolicyJson, knownRoles: ReadonlySet<string>): PolicyFault[] {
  const faults: PolicyFault[] = [];
  for (const role of policy.mentionedRoles) {
    if (knownRoles.has(role)) continue;
    const meant = closestMatch(role, knownRoles);
    faults.push(
      cedarFault(
        `${policy.id} mentions the role "${printable(role)}", which does not exist.`,
        meant === null ? 'Create the role first.' : `Did you mean "${meant}"?`,
      ),
    );
  }
  if (entitiesIn(json).some(({ type }) => type === SUBJECT))
    faults.push(
      cedarFault(`${policy.id} names a Subject.`, `Policies see only roles: write \`principal in ${ROLE}::"…"\`.`),
    );
  return faults;
}

const idOf = (parts: readonly Part[], position: number): string =>
  `cedar/${parts[position]?.json.annotations?.id ?? position}`;

function toPolicy(part: Part, position: number): Policy {
  const { json, text } = part;
  const id = printable(json.annotations?.id === undefined ? `cedar/${position}` : `cedar/${json.annotations.id}`);
  return {
    id,
    effect: json.effect,
    reason: printable(json.annotations?.reason ?? `Cedar policy ${id}`),
    cedar: text,
    role: scopeEntity(json.principal, ROLE),
    kinds: kindsOf(json),
    upstream: scopeEntity(json.resource, UPSTREAM),
    readsName: true,
    mentionedRoles: [...new Set(entitiesIn(json).flatMap(({ type, id }) => (type === ROLE ? [id] : [])))],
    appliesTo: null,
  };
}

/** The entity of the type that the scope is restricted to by `in` or `is … in`, if it is. */
function scopeEntity(scope: PolicyJson['principal'] | PolicyJson['resource'], type: string): string | undefined {
  const within = scope.op === 'in' ? scope : scope.op === 'is' ? scope.in : undefined;
  return within === undefined ? undefined : entitiesIn(within).find((entity) => entity.type === type)?.id;
}

function kindsOf({ action }: PolicyJson): readonly PrimitiveKind[] {
  if (action.op === 'All') return KINDS;
  const named = new Set(entitiesIn(action).map(({ id }) => id));
  return KINDS.filter((kind) => named.has(ACTION_OF[kind]));
}

/** Every entity that a part of a policy's JSON form names, wherever it stands. */
function entitiesIn(part: unknown): { type: string; id: string }[] {
  if (typeof part !== 'object' || part === null) return [];
  const { type, id } = part as { type?: unknown; id?: unknown };
  if (typeof type === 'string' && typeof id === 'string') return [{ type, id }];
  return Object.values(part).flatMap(entitiesIn);
}

function isDeeperThan(limit: number, part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return false;
  const inside = Array.isArray(part) ? limit : limit - 1;
  return inside < 0 || Object.values(part).some((child) => isDeeperThan(inside, child));
}
