import * as z from 'zod';
import { closestMatch } from '../lib/closest.ts';
import { ADMIN_ROLES } from '../model/principal.ts';
import type { Role } from '../model/role.ts';
import { type PolicyFault, refusalOf } from './fault.ts';

const ROLE_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const MAX_GLOB_LENGTH = 512;
const MAX_GLOBS = 500;
const MAX_RULES = 500;

const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => value.isWellFormed());
const globs = z.array(text(MAX_GLOB_LENGTH).min(1)).min(1).max(MAX_GLOBS).optional();

/** The short role form, as it stands in YAML and in the API. Messages are made by `describe`, not here. */
export const RoleRuleSchema = z.strictObject({
  upstream: text(64)
    .min(1)
    .regex(/^[a-z0-9*-]+$/),
  tools: globs,
  prompts: globs,
  resources: globs,
  when: z.strictObject({ readOnly: z.boolean().optional(), destructive: z.boolean().optional() }).optional(),
});
const RoleSchema = z.strictObject({
  name: z.string().regex(ROLE_NAME),
  description: text(1000).default(''),
  allow: z.array(RoleRuleSchema).max(MAX_RULES).default([]),
  deny: z.array(RoleRuleSchema).max(MAX_RULES).default([]),
});
const RolesSchema = z.array(RoleSchema);

/**
 * Reads roles in their short form. What is not about a single role (whether an upstream exists) is not checked here.
 *
 * @throws AppError `unprocessable` with every fault at once, each with its path and what to do
 */
export function validateRoles(input: unknown): Role[] {
  const { roles, faults } = checkRoles(input);
  if (faults.length > 0) throw refusalOf(faults);
  return roles;
}

/** Like `validateRoles`, for callers that have more faults to report. Without faults, `roles` is complete. */
export function checkRoles(input: unknown): { roles: Role[]; faults: PolicyFault[] } {
  const parsed = RolesSchema.safeParse(input);
  const faults = parsed.success ? [] : parsed.error.issues.flatMap((issue) => describe(issue, input));
  faults.push(...contradictions(input));
  return { roles: parsed.success ? parsed.data : [], faults };
}

type Path = readonly (string | number)[];

function describe(issue: z.core.$ZodIssue, input: unknown): PolicyFault[] {
  const path = issue.path as Path;
  const last = path.at(-1);
  const value = at(input, path);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], value));
  if (issue.code === 'invalid_type') {
    if (value === undefined)
      return [{ path, problem: `\`${last}\` is missing.`, fix: MISSING_FIX[String(last)] ?? 'Add it.' }];
    return [
      {
        path,
        problem: `This is ${kindOf(value)}, not ${EXPECTED[issue.expected] ?? issue.expected}.`,
        fix: typeFix(path, value),
      },
    ];
  }
  if (issue.code === 'too_big')
    return [
      { path, problem: `This is longer than ${issue.maximum}.`, fix: 'Use `*`, or split it into several rules.' },
    ];
  if (issue.code === 'too_small') {
    const fix =
      typeof last === 'number' ? 'Write a name or a glob.' : `Leave \`${last}\` out, or write \`["*"]\` for all.`;
    return [
      { path, problem: 'This is empty, so it would cover nothing.', fix: last === 'upstream' ? UPSTREAM_FIX : fix },
    ];
  }
  if (last === 'name') return [badRoleName(path, String(value))];
  if (last === 'upstream') return [badUpstream(path, String(value))];
  return [{ path, problem: 'This holds half of a surrogate pair.', fix: 'Use valid Unicode.' }];
}

const UPSTREAM_FIX = 'Write the name of an upstream, a glob such as `jira-*`, or `*` for all.';
const MISSING_FIX: Readonly<Record<string, string>> = { upstream: UPSTREAM_FIX, name: 'Give the role a name.' };
const EXPECTED: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a set of `key: value` pairs',
  string: 'a text',
  boolean: '`true` or `false`',
};

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, 60))}`;
  return typeof value === 'object' ? 'a set of `key: value` pairs' : `the ${typeof value} ${String(value)}`;
}

function typeFix(path: Path, value: unknown): string {
  const last = path.at(-1);
  if (typeof value === 'string' && LISTS.has(String(last)))
    return `Write a list: \`${last}: [${JSON.stringify(value)}]\`.`;
  if (last === 'allow' || last === 'deny')
    return `Write a list of rules, such as \`${last}: [{ upstream: github, tools: ["get_*"] }]\`, or leave it out.`;
  if (path.length === 0) return 'Write a list of roles, such as `[{ name: reader, allow: [{ upstream: "*" }] }]`.';
  if (last === 'readOnly' || last === 'destructive') return 'Write it without quotes.';
  if (typeof last === 'number' && path.length >= 3 && typeof value === 'string')
    return 'Write a rule, such as `{ upstream: github, tools: ["get_*"] }`.';
  return 'Correct it, or leave it out.';
}

const LISTS = new Set(['tools', 'prompts', 'resources']);
const RULE_KEYS = Object.keys(RoleRuleSchema.shape);
const ROLE_KEYS = Object.keys(RoleSchema.shape);
const WHEN_KEYS = ['readOnly', 'destructive'];
/** What other products call it. */
const SYNONYMS: Readonly<Record<string, string>> = {
  server: 'upstream',
  servers: 'upstream',
  permit: 'allow',
  grant: 'allow',
  forbid: 'deny',
  block: 'deny',
  uris: 'resources',
  id: 'name',
};

function unknownKey(path: Path, _parent: unknown): PolicyFault {
  const key = String(path.at(-1));
  const parent = path.at(-2);
  const known = parent === 'when' ? WHEN_KEYS : path.length <= 2 ? ROLE_KEYS : RULE_KEYS;
  const problem = `There is no \`${key}\` here.`;
  const synonym = Object.hasOwn(SYNONYMS, key.toLowerCase()) ? SYNONYMS[key.toLowerCase()]! : null;
  const meant = closestMatch(key, known) ?? (synonym !== null && known.includes(synonym) ? synonym : null);
  if (meant !== null) return { path, problem, fix: `Did you mean \`${meant}\`?` };
  const annotation = known === RULE_KEYS ? closestMatch(key, WHEN_KEYS) : null;
  if (annotation !== null) return { path, problem, fix: `Write \`when: { ${annotation}: true }\`.` };
  return { path, problem, fix: `Known here: ${known.map((one) => `\`${one}\``).join(', ')}.` };
}

function badRoleName(path: Path, name: string): PolicyFault {
  const meant = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|-+$/g, '')
    .slice(0, 63);
  return {
    path,
    problem: `${JSON.stringify(name.slice(0, 80))} cannot be the name of a role: 1 to 63 of a–z, 0–9, \`.\`, \`_\` and \`-\`, starting with a letter or digit.`,
    fix: ROLE_NAME.test(meant) ? `Use \`${meant}\`.` : 'Choose another one.',
  };
}

function badUpstream(path: Path, glob: string): PolicyFault {
  const meant = glob.toLowerCase().replace(/[^a-z0-9*-]+/g, '-');
  return {
    path,
    problem: `${JSON.stringify(glob.slice(0, 80))} can match no upstream: their names consist of a–z, 0–9 and \`-\`.`,
    fix: /[a-z0-9*]/.test(meant) ? `Did you mean \`${meant}\`?` : UPSTREAM_FIX,
  };
}

/** Faults that show only between the parts. Reads the raw input, so that they are found beside faults of shape. */
function contradictions(input: unknown): PolicyFault[] {
  const faults: PolicyFault[] = [];
  const names = new Map<string, number>();
  for (const [position, role] of entries(input)) {
    const name = at(role, ['name']);
    if (typeof name === 'string') {
      const first = names.get(name);
      if (first !== undefined)
        faults.push({
          path: [position, 'name'],
          problem: `roles[${first}] is called \`${name}\` as well.`,
          fix: 'Rename one, or join the two.',
        });
      else names.set(name, position);
      if (ADMIN_ROLES.has(name))
        faults.push({
          path: [position, 'name'],
          problem: `\`${name}\` is built in: it opens the admin API and grants no tool.`,
          fix: `Use another name, such as \`${name}-tools\`.`,
        });
    }
    for (const list of ['allow', 'deny'])
      for (const [index, rule] of entries(at(role, [list])))
        faults.push(...contradictionsOfRule([position, list, index], rule));
  }
  return faults;
}

function contradictionsOfRule(path: Path, rule: unknown): PolicyFault[] {
  const faults: PolicyFault[] = [];
  const [upstream, when, tools] = [at(rule, ['upstream']), at(rule, ['when']), at(rule, ['tools'])];
  if (when !== undefined && tools === undefined) {
    const other = ['prompts', 'resources'].find((kind) => at(rule, [kind]) !== undefined);
    if (other !== undefined)
      faults.push({
        path: [...path, 'when'],
        problem: `\`when\` is about tools, but the rule names only ${other}.`,
        fix: 'Add `tools`, or leave `when` out.',
      });
  }
  if (typeof when === 'object' && when !== null && !Array.isArray(when) && Object.keys(when).length === 0)
    faults.push({
      path: [...path, 'when'],
      problem: '`when` says nothing.',
      fix: 'Write `readOnly: true` or `destructive: false` below it, or leave it out.',
    });
  if (typeof upstream !== 'string' || upstream.includes('*')) return faults;
  for (const [index, glob] of entries(tools)) {
    const prefix = `${upstream}__`;
    if (typeof glob !== 'string' || !glob.startsWith(prefix)) continue;
    const bare = glob.slice(prefix.length);
    faults.push({
      path: [...path, 'tools', index],
      problem: `Rules name tools as the upstream knows them, without \`${prefix}\`.`,
      fix: `Write \`${bare === '' ? '*' : bare}\`.`,
    });
  }
  return faults;
}

const entries = (value: unknown): [number, unknown][] => (Array.isArray(value) ? [...value.entries()] : []);

function at(value: unknown, path: Path): unknown {
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}
