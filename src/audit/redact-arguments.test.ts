import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { redactArguments } from './redact-arguments.ts';

const CANARY = 'hunter2canary';

test('values of secret-looking members are left out at any depth, and nothing else', () => {
  const value = {
    repo: 'toolgate',
    count: 3,
    flag: true,
    none: null,
    password: CANARY,
    nested: [{ headers: { 'X-Api-Key': CANARY, Accept: 'text/html' } }],
    credentials: { user: 'ada', secret: CANARY },
    pin: 1234,
    max_tokens: 100,
  };
  assert.deepEqual(redactArguments(value), {
    repo: 'toolgate',
    count: 3,
    flag: true,
    none: null,
    password: '[redacted]',
    nested: [{ headers: { 'X-Api-Key': '[redacted]', Accept: 'text/html' } }],
    credentials: '[redacted]',
    pin: '[redacted]',
    max_tokens: 100,
  });
});

test('configured globs leave out further members, in any case', () => {
  const keys = ['ssn_*', 'Diagnosis'];
  const value = { SSN_number: CANARY, diagnosis: [CANARY], other: 'x' };
  assert.deepEqual(redactArguments(value, { keys }), { SSN_number: '[redacted]', diagnosis: '[redacted]', other: 'x' });
});

test('secrets in texts and in member names are taken out', () => {
  const key = `tgp_${'x'.repeat(49)}`;
  const redacted = JSON.stringify(redactArguments({ note: `use ${key}`, [key]: 1 }));
  assert.ok(!redacted.includes(key));
});

test('a secret across the cut of a long text does not show in part', () => {
  const jwt = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI${'x'.repeat(500)}.${'y'.repeat(86)}`;
  const redacted = String(redactArguments(`${'a'.repeat(900)} ${jwt} ${'b'.repeat(9000)}`));
  assert.ok(!redacted.includes('eyJ'), redacted);
  assert.match(redacted, /\[cut: 10\d+ characters\]/);
});

test('the result stays within its size whatever is given, and says what was cut', () => {
  const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`member${i}`, 'x'.repeat(50)]));
  const deep = JSON.parse('['.repeat(60) + ']'.repeat(60)) as unknown;
  const values = [wide, Array(100_000).fill(1), 'x'.repeat(1_000_000), { ['k'.repeat(1_000_000)]: 1 }, deep];
  for (const value of values) {
    const json = JSON.stringify(redactArguments(value, { maxBytes: 2000 }));
    assert.ok(json.length < 3000, `${json.length}`);
    assert.match(json, /\[cut: /);
  }
});

test('a member called __proto__ stays a member', () => {
  const redacted = redactArguments(JSON.parse('{"__proto__":{"admin":true},"a":1}')) as Record<string, unknown>;
  assert.equal(Object.getPrototypeOf(redacted), Object.prototype);
  assert.equal(JSON.stringify(redacted), '{"__proto__":{"admin":true},"a":1}');
});

test('it never throws and never changes what it is given', () => {
  const hostile = new Proxy({}, { ownKeys: () => assert.fail('read') });
  const values = [undefined, 1n, Symbol('x'), () => 1, hostile, Number.NaN];
  for (const value of values) assert.doesNotThrow(() => redactArguments(value));
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const before = JSON.stringify(value);
      redactArguments(value);
      assert.equal(JSON.stringify(value), before);
    }),
  );
});

test('a canary under a secret name or in a secret form never shows, wherever it stands', () => {
  const leaf = fc.constantFrom<unknown>({ password: CANARY }, `token=${CANARY}`, `https://u:${CANARY}@h/`);
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 5 }, leaf, fc.dictionary(fc.string(), tie('tree')), fc.array(tie('tree'))),
  }));
  fc.assert(fc.property(tree, (value) => !JSON.stringify(redactArguments(value)).includes(CANARY)));
});
