import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Target } from '../../src/model/decision.ts';
import type { Caller } from '../../src/model/principal.ts';
import type { Role, RoleRule } from '../../src/model/role.ts';
import { SCHEMA } from '../../src/policy/cedar-schema.ts';
import { compileRoles } from '../../src/policy/compile-roles.ts';
import { createDecisionTable } from '../../src/policy/decision-table.ts';
import { createPolicyEngine } from '../../src/policy/policy-engine.ts';
import { validateRoles } from '../../src/policy/validate-roles.ts';

/** The meaning of the role form, as short as it can be said; shares no code with what it judges. */
function globMatches(glob: string, text: string): boolean {
  if (glob === '') return text === '';
  if (glob[0] === '*') return globMatches(glob.slice(1), text) || (text !== '' && globMatches(glob, text.slice(1)));
  return text[0] === glob[0] && globMatches(glob.slice(1), text.slice(1));
}
function ruleCovers(rule: RoleRule, target: Target): boolean {
  const { tools, prompts, resources, when } = rule;
  if (!globMatches(rule.upstream, target.upstream)) return false;
  const unnamed = tools === undefined && prompts === undefined && resources === undefined;
  if (unnamed && when !== undefined && target.kind !== 'tool') return false;
  const globs = { tool: tools, prompt: prompts, resource: resources }[target.kind] ?? (unnamed ? ['*'] : []);
  if (!globs.some((glob) => globMatches(glob, target.name))) return false;
  if (target.kind !== 'tool' || when === undefined) return true;
  if (when.readOnly !== undefined && when.readOnly !== target.readOnly) return false;
  return when.destructive === undefined || when.destructive === target.destructive;
}
function allows(roles: readonly Role[], held: readonly string[], target: Target): boolean {
  const mine = roles.filter((role) => held.includes(role.name));
  const covers = (list: 'allow' | 'deny') => mine.some((role) => role[list].some((rule) => ruleCovers(rule, target)));
  return covers('allow') && !covers('deny');
}

const ROLE_NAMES = ['a', 'b', 'c', 'd'];
const UPSTREAMS = ['ab', 'abc', 'b', 'b-c'];
const NAMES = ['', 'a', 'b', 'ab', 'ba', 'aab', 'abab', 'a*b', 'a\\b', 'a"b', 'a\nb', 'ä', '\u{1f600}', 'a\u{1f600}b'];

const name = fc.oneof(
  fc.constantFrom(...NAMES),
  fc.string({ unit: fc.constantFrom('a', 'b', '"', '\\'), maxLength: 6 }),
);
const glob = fc.oneof(
  fc.constantFrom('*', 'a*', '*b', 'a*b', '*a*', 'a\\*', '*"*', '*\n*', '*\u{1f600}*'),
  fc.string({ unit: fc.constantFrom('a', 'b', '*', '"', '\\'), minLength: 1, maxLength: 6 }),
  name.filter((text) => text !== ''),
);
const globs = fc.array(glob, { minLength: 1, maxLength: 20 });
const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
const upstreamGlob = fc.constantFrom('*', ...UPSTREAMS, 'a*', '*b*', '*-*', 'z');

const rule: fc.Arbitrary<RoleRule> = fc
  .record({
    upstream: upstreamGlob,
    tools: optional(globs),
    prompts: optional(globs),
    resources: optional(globs),
    when: optional(fc.record({ readOnly: optional(fc.boolean()), destructive: optional(fc.boolean()) })),
  })
  .map(({ when, ...rest }) =>
    when?.readOnly === undefined && when?.destructive === undefined ? rest : { ...rest, when },
  );
const rules = (max: number) => fc.array(rule, { maxLength: max });
const rolesOf = (allow: number, deny: number): fc.Arbitrary<Role[]> =>
  fc.tuple(
    ...ROLE_NAMES.map((of) =>
      fc.record({ name: fc.constant(of), description: fc.constant(''), allow: rules(allow), deny: rules(deny) }),
    ),
  );
const held = fc.subarray(ROLE_NAMES);

const target: fc.Arbitrary<Target> = fc.record({
  upstream: fc.constantFrom(...UPSTREAMS, 'other'),
  kind: fc.constantFrom('tool', 'prompt', 'resource'),
  name,
  readOnly: fc.boolean(),
  destructive: fc.boolean(),
});
const targets = fc.array(target, { minLength: 1, maxLength: 12 });

/** One engine for all runs: replacing its roles is part of what is tested. */
const engine = createPolicyEngine({ roles: [], onFault: (error) => assert.fail(`Cedar failed: ${error}`) });
const table = createDecisionTable(engine);
const callerWith = (roles: readonly string[], restriction?: Caller['restriction']): Caller => ({
  tenantId: 'default',
  principal: { kind: 'user', id: 'usr_1', name: 'u' },
  agent: { kind: 'access_key', id: 'key_1', name: 'k' },
  roles,
  ...(restriction === undefined ? {} : { restriction }),
});
const decide = (held: readonly string[], asked: readonly Target[]) =>
  asked.map((one) => engine.decide(held, one).allowed);

test('what Cedar decides is what the role form means', () => {
  fc.assert(
    fc.property(rolesOf(3, 1), held, targets, (roles, held, asked) => {
      engine.replace(roles);
      assert.deepEqual(
        decide(held, asked),
        asked.map((one) => allows(roles, held, one)),
      );
    }),
    { numRuns: 300 },
  );
});

test('asking about many at once gives what asking one by one gives', () => {
  // Of one kind, so that most share the policies in question: only from 32 on are they asked about together.
  const many = fc
    .tuple(
      fc.constantFrom('tool' as const, 'prompt' as const, 'resource' as const),
      fc.array(target, { minLength: 60, maxLength: 120 }),
    )
    .map(([kind, of]) => of.map((one) => ({ ...one, kind })));
  fc.assert(
    fc.property(rolesOf(3, 1), held, many, (roles, held, asked) => {
      engine.replace(roles);
      const together = engine.allowed(held, asked);
      assert.deepEqual(
        together,
        asked.map((one) => allows(roles, held, one)),
      );
      assert.deepEqual(decide(held, asked), together);
    }),
    { numRuns: 100 },
  );
});

test('leaving out policies that cannot matter changes no decision', () => {
  const cedar: typeof import('@cedar-policy/cedar-wasm/nodejs') = createRequire(import.meta.url)(
    '@cedar-policy/cedar-wasm/nodejs',
  );
  const uid = (type: string, id: string) => ({ type: `Toolgate::${type}`, id });
  const types = {
    tool: ['Tool', 'call_tool'],
    prompt: ['Prompt', 'get_prompt'],
    resource: ['Resource', 'read_resource'],
  } as const;
  const raw = `forbid (principal, action == Toolgate::Action::"call_tool", resource) when { resource.destructive && resource.name like "*b" };
    permit (principal in Toolgate::Role::"d", action, resource in Toolgate::Upstream::"ab");
    forbid (principal, action, resource) when { principal in Toolgate::Role::"c" && resource.upstream == "b" } unless { principal in Toolgate::Role::"b" };`;
  fc.assert(
    fc.property(rolesOf(2, 1), held, target, (roles, held, one) => {
      engine.replace(roles, raw);
      const [type, action] = types[one.kind];
      const { upstream, name, readOnly, destructive } = one;
      const answer = cedar.isAuthorized({
        principal: uid('Subject', 's'),
        action: uid('Action', action),
        resource: uid(type, 't'),
        context: {},
        entities: [
          { uid: uid('Subject', 's'), attrs: {}, parents: held.map((role) => uid('Role', role)) },
          {
            uid: uid(type, 't'),
            attrs: { upstream, name, ...(type === 'Tool' ? { readOnly, destructive } : {}) },
            parents: [uid('Upstream', upstream)],
          },
        ],
        schema: SCHEMA,
        policies: { staticPolicies: `${compileRoles(roles).cedar}\n${raw}` },
      });
      assert.equal(answer.type, 'success');
      assert.equal(engine.decide(held, one).allowed, answer.type === 'success' && answer.response.decision === 'allow');
    }),
    { numRuns: 150 },
  );
});

test('every compiled role is valid under the schema', () => {
  const cedar: typeof import('@cedar-policy/cedar-wasm/nodejs') = createRequire(import.meta.url)(
    '@cedar-policy/cedar-wasm/nodejs',
  );
  fc.assert(
    fc.property(rolesOf(3, 2), (roles) => {
      const answer = cedar.validate({ schema: SCHEMA, policies: { staticPolicies: compileRoles(roles).cedar } });
      assert.deepEqual(answer.type === 'success' ? answer.validationErrors : answer.errors, []);
    }),
    { numRuns: 100 },
  );
});

test('a deny that covers a target wins, whoever allows it', () => {
  fc.assert(
    fc.property(
      rolesOf(3, 1),
      held,
      targets,
      rule,
      fc.constantFrom(...ROLE_NAMES),
      (roles, others, asked, deny, denier) => {
        const held = [...new Set([...others, denier])].sort();
        engine.replace(roles.map((role) => (role.name === denier ? { ...role, deny: [...role.deny, deny] } : role)));
        for (const one of asked) if (ruleCovers(deny, one)) assert.equal(engine.decide(held, one).allowed, false);
      },
    ),
    { numRuns: 150 },
  );
});

test('another allow never takes away, another deny never gives, and a role without denies only adds', () => {
  fc.assert(
    fc.property(
      rolesOf(2, 1),
      held,
      targets,
      rule,
      fc.constantFrom(...ROLE_NAMES),
      (roles, held, asked, more, into) => {
        const added = (list: 'allow' | 'deny') =>
          roles.map((role) => (role.name === into ? { ...role, [list]: [...role[list], more] } : role));
        const answers = (of: readonly Role[], held: readonly string[]) => {
          engine.replace(of);
          return decide(held, asked);
        };
        const before = answers(roles, held);
        for (const [i, after] of answers(added('allow'), held).entries()) assert.ok(after || !before[i]);
        for (const [i, after] of answers(added('deny'), held).entries()) assert.ok(!after || before[i]);
        const harmless = roles.map((role) => (role.name === into ? { ...role, deny: [] } : role));
        const without = answers(
          harmless,
          held.filter((role) => role !== into),
        );
        const withIt = answers(harmless, [...new Set([...held, into])].sort());
        for (const [i, after] of withIt.entries()) assert.ok(after || !without[i]);
      },
    ),
    { numRuns: 100 },
  );
});

test('a key only narrows, by exactly its roles and its filter, and lists what it may call', () => {
  const filter = fc.array(
    fc.oneof(
      fc.constantFrom('*', 'ab__*', '*__a*', 'b*__*b', 'ab*'),
      fc.tuple(fc.constantFrom(...UPSTREAMS), glob).map((parts) => parts.join('__')),
    ),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(rolesOf(2, 1), held, held, filter, targets, (roles, held, keyRoles, tools, asked) => {
      engine.replace(roles);
      const owner = callerWith(held);
      const key = callerWith(held, { roles: keyRoles, tools });
      const expected = asked.filter(
        (one) =>
          allows(roles, held, one) &&
          (keyRoles.length === 0 || allows(roles, keyRoles, one)) &&
          (tools.length === 0 || tools.some((glob) => globMatches(glob, `${one.upstream}__${one.name}`))),
      );
      assert.deepEqual(table.allowedOf(key, asked), expected);
      assert.deepEqual(
        asked.filter((one) => table.isAllowed(key, one)),
        expected,
      );
      assert.deepEqual(
        asked.filter((one) => table.decide(key, one).allowed),
        expected,
      );
      for (const one of expected) assert.equal(table.isAllowed(owner, one), true);
    }),
    { numRuns: 200 },
  );
});

test('roles that the form accepts come back as they were written', () => {
  fc.assert(
    fc.property(rolesOf(3, 2), (roles) => {
      const sound = roles.map((role) => ({
        ...role,
        allow: role.allow.filter(isSound),
        deny: role.deny.filter(isSound),
      }));
      const written = JSON.parse(JSON.stringify(sound));
      assert.deepEqual(JSON.parse(JSON.stringify(validateRoles(written))), written);
    }),
    { numRuns: 100 },
  );
});

/** Not one of the contradictions that are refused. */
function isSound({ tools, prompts, resources, when }: RoleRule): boolean {
  return when === undefined || tools !== undefined || (prompts === undefined && resources === undefined);
}
