import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Cedar, createCedarRuntime } from './cedar-runtime.ts';

const parse = (condition: string) => (cedar: Cedar) =>
  cedar.checkParsePolicySet({ staticPolicies: `permit (principal, action, resource) when { ${condition} };` });

test('after a trap, the next call gets an instance that works', () => {
  const runtime = createCedarRuntime();
  assert.equal(runtime.run(parse('true')).type, 'success');
  const before = runtime.instance;
  assert.throws(() => runtime.run(parse(`${'('.repeat(300)}true${')'.repeat(300)}`)));
  assert.notEqual(runtime.instance, before);
  assert.equal(runtime.run(parse('true')).type, 'success');
});

test('two runtimes share no prepared policy sets', () => {
  const [one, other] = [createCedarRuntime(), createCedarRuntime()];
  one.run((cedar) => cedar.preparsePolicySet('x', { staticPolicies: 'permit (principal, action, resource);' }));
  const ask = (cedar: Cedar) =>
    cedar.statefulIsAuthorized({
      principal: { type: 'A', id: 'a' },
      action: { type: 'Action', id: 'a' },
      resource: { type: 'A', id: 'a' },
      context: {},
      entities: [],
      preparsedPolicySetId: 'x',
    });
  assert.equal(one.run(ask).type, 'success');
  assert.equal(other.run(ask).type, 'failure');
});
