import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Cedar, createCedarRuntime } from './cedar-runtime.ts';
import { createPolicySlots } from './policy-slots.ts';

const permitting = (name: string) => () => `permit (principal, action, resource == Toolgate::Tool::"${name}");`;
const ask = (id: string, name: string) => (cedar: Cedar) => {
  const answer = cedar.statefulIsAuthorized({
    principal: { type: 'Toolgate::Subject', id: 'x' },
    action: { type: 'Toolgate::Action', id: 'call_tool' },
    resource: { type: 'Toolgate::Tool', id: name },
    context: {},
    entities: [],
    preparsedPolicySetId: id,
  });
  return answer.type === 'success' && answer.response.decision === 'allow';
};

test('however many policy sets are prepared, they share a fixed few ids, and each stays itself', () => {
  const runtime = createCedarRuntime();
  const slots = createPolicySlots(runtime);
  const ids = new Set<string>();
  for (let reload = 0; reload < 300; reload++) {
    if (reload % 10 === 0) slots.clear();
    for (let i = 0; i < 5; i++) {
      const name = `tool-${reload}-${i}`;
      const id = slots.prepare(`${reload % 10}-${i}`, permitting(name));
      ids.add(id);
      assert.equal(runtime.run(ask(id, name)), true);
      assert.equal(runtime.run(ask(id, 'other')), false);
    }
  }
  assert.ok(ids.size <= 32);
});

test('what is prepared is not prepared again, until it had to make room', () => {
  const slots = createPolicySlots(createCedarRuntime());
  let texts = 0;
  const prepare = (key: string) =>
    slots.prepare(key, () => {
      texts++;
      return permitting(key)();
    });
  const first = prepare('first');
  for (let i = 0; i < 31; i++) prepare(`other-${i}`);
  assert.equal(prepare('first'), first);
  assert.equal(texts, 32);
  prepare('one more');
  prepare('other-0');
  assert.equal(texts, 34);
});

test('after the instance was lost, everything is prepared anew', () => {
  const runtime = createCedarRuntime();
  const slots = createPolicySlots(runtime);
  slots.prepare('a', permitting('a'));
  assert.throws(() =>
    runtime.run(() => {
      throw new Error('as a trap would');
    }),
  );
  assert.equal(runtime.run(ask(slots.prepare('a', permitting('a')), 'a')), true);
});

test('a text that Cedar cannot read takes no slot away', () => {
  const slots = createPolicySlots(createCedarRuntime());
  for (let i = 0; i < 100; i++) assert.throws(() => slots.prepare(`bad-${i}`, () => 'permit'), /cannot read/);
  const ids = new Set(Array.from({ length: 32 }, (_, i) => slots.prepare(`good-${i}`, permitting('x'))));
  assert.equal(ids.size, 32);
});
