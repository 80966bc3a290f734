import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import { checkRoles, validateRoles } from './validate-roles.ts';

const faultsOf = (input: unknown) =>
  checkRoles(input).faults.map((fault) => `${fault.path.join('.')} | ${fault.problem} ${fault.fix}`);
const faultsOfRule = (rule: unknown) => faultsOf([{ name: 'r', allow: [rule] }]);

test('what may be left out is filled in', () => {
  assert.deepEqual(validateRoles([{ name: 'reader', allow: [{ upstream: 'github', tools: ['get_*'] }] }]), [
    { name: 'reader', description: '', allow: [{ upstream: 'github', tools: ['get_*'] }], deny: [] },
  ]);
});

test('every fault is told at once, with its path, in one error', () => {
  const input = [
    { name: 'Big Boss', allow: 'x' },
    { name: 'a', deny: [{ server: 'x' }, { upstream: '*', tool: ['x'] }] },
    { name: 'a', alow: [] },
  ];
  assert.throws(
    () => validateRoles(input),
    (error) => {
      assert.ok(error instanceof AppError);
      assert.equal(error.code, 'unprocessable');
      const lines = error.message
        .split('\n')
        .slice(1)
        .map((line) => line.slice(0, line.indexOf(': ')));
      assert.deepEqual(lines.sort(), [
        'roles[0].allow',
        'roles[0].name',
        'roles[1].deny[0].server',
        'roles[1].deny[0].upstream',
        'roles[1].deny[1].tool',
        'roles[2].alow',
        'roles[2].name',
      ]);
      assert.equal((error.data!.faults as unknown[]).length, 7);
      return true;
    },
  );
});

test('unknown keys come with what was probably meant', () => {
  assert.deepEqual(faultsOfRule({ upstream: '*', toools: ['x'] }), [
    '0.allow.0.toools | There is no `toools` here. Did you mean `tools`?',
  ]);
  assert.match(faultsOfRule({ server: 'x' }).join('\n'), /`server` here\. Did you mean `upstream`\?/);
  assert.match(faultsOfRule({ upstream: '*', readOnly: true }).join(), /Write `when: \{ readOnly: true \}`/);
  assert.match(faultsOfRule({ upstream: '*', when: { readonly: true } }).join(), /Did you mean `readOnly`\?/);
  assert.match(faultsOfRule({ upstream: '*', constructor: 1 }).join(), /Known here: `upstream`/);
  assert.match(faultsOf([{ name: 'r', permit: [] }]).join(), /Did you mean `allow`\?/);
});

test('slips that YAML invites are explained', () => {
  assert.match(faultsOfRule({ upstream: '*', tools: 'get_*' }).join(), /Write a list: `tools: \["get_\*"\]`/);
  assert.match(faultsOfRule('github').join(), /Write a rule, such as/);
  assert.match(
    faultsOfRule({ upstream: '*', when: { readOnly: 'yes' } }).join(),
    /the text "yes", not `true` or `false`/,
  );
  assert.match(faultsOf({ reader: {} }).join(), /not a list\. Write a list of roles/);
  assert.match(faultsOf(null).join(), /This is empty, not a list/);
});

test('rules that could never match are refused', () => {
  assert.match(faultsOfRule({ upstream: 'GitHub' }).join(), /can match no upstream.*Did you mean `github`\?/);
  assert.match(
    faultsOfRule({ upstream: 'github', tools: ['github__get_*'] }).join(),
    /without `github__`\. Write `get_\*`/,
  );
  assert.match(faultsOfRule({ upstream: '*', tools: [] }).join(), /would cover nothing/);
  assert.match(faultsOfRule({ upstream: '*', tools: [''] }).join(), /would cover nothing/);
  assert.match(
    faultsOfRule({ upstream: '*', prompts: ['*'], when: { readOnly: true } }).join(),
    /`when` is about tools/,
  );
  assert.match(faultsOfRule({ upstream: '*', when: {} }).join(), /`when` says nothing/);
  assert.match(faultsOfRule({ upstream: '*', tools: ['\ud800'] }).join(), /surrogate/);
});

test('the names of roles are plain, unique and not those that open the admin API', () => {
  assert.match(faultsOf([{ name: 'Équipe A' }]).join(), /Use `equipe-a`/);
  assert.match(faultsOf([{ name: '__proto__' }]).join(), /Use `proto__`/);
  assert.match(faultsOf([{ name: 'x' }, { name: 'x' }]).join(), /roles\[0\] is called `x` as well/);
  assert.match(faultsOf([{ name: 'admin' }]).join(), /opens the admin API/);
});
