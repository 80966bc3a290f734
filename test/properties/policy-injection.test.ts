import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import type { PatternElem, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import { AppError } from '../../src/errors/app-error.ts';
import { cedarPattern, cedarString } from '../../src/policy/cedar-text.ts';
import { compileRoles } from '../../src/policy/compile-roles.ts';
import { createPolicyEngine } from '../../src/policy/policy-engine.ts';
import { checkRoles, validateRoles } from '../../src/policy/validate-roles.ts';

const cedar: typeof import('@cedar-policy/cedar-wasm/nodejs') = createRequire(import.meta.url)(
  '@cedar-policy/cedar-wasm/nodejs',
);

const HOSTILE = [
  '"',
  '\\',
  '\\"',
  '"\n',
  '\r\n',
  '\0',
  '//',
  '/*',
  '*/',
  '\u2028',
  '\u202e',
  '\u{1f600}',
  '\ufeff',
  '\\u{22}',
  '\\x22',
  '*',
  '\\*',
  '@id("x")',
  ';',
  '}',
  '"); permit(principal, action, resource); //',
  '" || true || "',
  '?principal',
  '__proto__',
  '{"__entity":{"type":"a","id":"b"}}',
];
const hostile = fc
  .oneof(
    fc
      .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', maxLength: 4 })), {
        minLength: 1,
        maxLength: 6,
      })
      .map((parts) => parts.join('')),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
  )
  .filter((text) => text.isWellFormed());

function parse(text: string): PolicyJson {
  const answer = cedar.policyToJson(text);
  if (answer.type === 'failure') assert.fail(`${text}\n${JSON.stringify(answer.errors)}`);
  return answer.json;
}

/** What the pattern of the one `like` in the policy stands for, as a glob with `null` for the wildcard. */
function patternOf(json: PolicyJson): (string | null)[] {
  const body = json.conditions[0]!.body as { like: { pattern: PatternElem[] } };
  return body.like.pattern.map((part) => (part === 'Wildcard' ? null : part.Literal));
}

test('any text as a literal is read back by Cedar as that text', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const json = parse(`permit (principal, action, resource) when { resource.name == ${cedarString(text)} };`);
      assert.deepEqual(json.conditions, [
        {
          kind: 'when',
          body: { '==': { left: { '.': { left: { Var: 'resource' }, attr: 'name' } }, right: { Value: text } } },
        },
      ]);
    }),
    { numRuns: 500 },
  );
});

test('any text as a pattern has a wildcard where it has an asterisk, and nowhere else', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const json = parse(`permit (principal, action, resource) when { resource.name like ${cedarPattern(text)} };`);
      assert.deepEqual(
        patternOf(json),
        [...text.replace(/\*+/g, '*')].map((character) => (character === '*' ? null : character)),
      );
    }),
    { numRuns: 500 },
  );
});

test('whatever a role is called and says, it compiles to one policy per rule with exactly its effect and scope', () => {
  const rule = fc.record({ upstream: hostile, tools: fc.array(hostile, { minLength: 1, maxLength: 4 }) });
  const roles = fc.uniqueArray(
    fc.record({
      name: hostile,
      description: hostile,
      allow: fc.array(rule, { maxLength: 2 }),
      deny: fc.array(rule, { maxLength: 2 }),
    }),
    { selector: (role) => role.name, minLength: 1, maxLength: 3 },
  );
  fc.assert(
    fc.property(roles, (roles) => {
      const compiled = compileRoles(roles);
      const expected = roles.flatMap((role) =>
        (['allow', 'deny'] as const).flatMap((list) => role[list].map((rule, index) => ({ role, list, rule, index }))),
      );
      const parts = cedar.policySetTextToParts(compiled.cedar);
      assert.equal(parts.type === 'success' && parts.policies.length, expected.length);
      for (const [position, { role, list, rule, index }] of expected.entries()) {
        const json = parse(compiled.policies[position]!.cedar);
        const id = `${role.name}/${list}/${index}`;
        assert.equal(json.effect, list === 'allow' ? 'permit' : 'forbid');
        assert.equal(json.annotations?.id, id);
        assert.deepEqual(json.principal, { op: 'in', entity: { type: 'Toolgate::Role', id: role.name } });
        assert.deepEqual(json.action, { op: '==', entity: { type: 'Toolgate::Action', id: 'call_tool' } });
        if (!rule.upstream.includes('*'))
          assert.deepEqual(json.resource, { op: 'in', entity: { type: 'Toolgate::Upstream', id: rule.upstream } });
        assert.deepEqual(compiled.ruleOf.get(id), { role: role.name, list, index });
        assert.doesNotMatch(compiled.policies[position]!.reason, /[\n\r\0\u2028\u202e]/);
      }
    }),
    { numRuns: 200 },
  );
});

test('text that is not Unicode is refused before it reaches Cedar', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('\ud800', 'a\udfff', '\udc00\ud800'),
      fc.constantFrom('name', 'upstream', 'tools'),
      (text, place) => {
        const rule = { upstream: place === 'upstream' ? text : 'a', tools: [place === 'tools' ? text : 'a'] };
        const role = { name: place === 'name' ? text : 'a', description: '', allow: [rule], deny: [] };
        assert.throws(
          () => compileRoles([role]),
          (error) => error instanceof AppError && error.code === 'unprocessable',
        );
      },
    ),
  );
});

test('roles of any shape are read or refused with reasons, never answered with an exception', () => {
  const key = fc.constantFrom(
    'name',
    'allow',
    'deny',
    'upstream',
    'tools',
    'when',
    'readOnly',
    '__proto__',
    'description',
    'x',
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(null, 1, true, '', 'a', '*', '\ud800'),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (input) => {
      const { faults } = checkRoles(input);
      for (const fault of faults) assert.ok(fault.problem !== '' && fault.fix !== '');
      if (faults.length === 0) compileRoles(validateRoles(input));
      else assert.throws(() => validateRoles(input), AppError);
    }),
    { numRuns: 1000 },
  );
});

test('no Cedar text, however broken, breaks the engine or changes a decision', () => {
  const engine = createPolicyEngine({
    roles: [{ name: 'r', description: '', allow: [{ upstream: '*', tools: ['a*'] }], deny: [] }],
  });
  const token = fc.constantFrom(
    'permit',
    'forbid',
    '(',
    ')',
    'principal',
    'action',
    'resource',
    ',',
    'when',
    'unless',
    '{',
    '}',
    ';',
    '"a"',
    'true',
    '==',
    '&&',
    '||',
    '!',
    '-',
    '.',
    'name',
    'if',
    'then',
    'else',
    'like',
    '"*',
    'in',
    'is',
    'has',
    '[',
    ']',
    '1',
    '@id',
    'Toolgate::Role::',
    '//',
    '\n',
    '\0',
    '\u{1f600}',
    'decimal("1.0")',
    '?principal',
  );
  const text = fc
    .array(token, { maxLength: 30 })
    .map((tokens) => tokens.join(' '))
    .filter((text) => !/permit|forbid/.test(text) || !text.includes(';'));
  const target = { upstream: 'u', kind: 'tool' as const, readOnly: false, destructive: false };
  fc.assert(
    fc.property(text, fc.nat(), (text, salt) => {
      try {
        engine.replace([{ name: 'r', description: '', allow: [{ upstream: '*', tools: ['a*'] }], deny: [] }], text);
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === 'unprocessable', String(error));
      }
      assert.equal(engine.decide(['r'], { ...target, name: `a${salt}` }).allowed, true);
      assert.equal(engine.decide(['r'], { ...target, name: `b${salt}` }).allowed, false);
    }),
    { numRuns: 500 },
  );
});
