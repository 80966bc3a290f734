import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Role } from '../model/role.ts';
import { compileRoles } from './compile-roles.ts';

const role = (more: Partial<Role>): Role => ({ name: 'engineer', description: '', allow: [], deny: [], ...more });

test('each rule becomes one policy that says where it comes from', () => {
  const { cedar, ruleOf } = compileRoles([
    role({
      allow: [{ upstream: 'github', tools: ['get_*', 'me', 'who'], when: { readOnly: true } }],
      deny: [{ upstream: 'jira-*', prompts: ['*'], resources: ['file://*'] }],
    }),
  ]);
  assert.equal(
    cedar,
    `@id("engineer/allow/0")
@reason("role engineer allows read-only tools get_*, me, who of github")
permit (
  principal in Toolgate::Role::"engineer",
  action == Toolgate::Action::"call_tool",
  resource in Toolgate::Upstream::"github"
)
when { (["me", "who"].contains(resource.name) || resource.name like "get_*") && (resource.readOnly) };

@id("engineer/deny/0")
@reason("role engineer denies all prompts and resources file://* of jira-*")
forbid (
  principal in Toolgate::Role::"engineer",
  action in [Toolgate::Action::"get_prompt", Toolgate::Action::"read_resource"],
  resource
)
when { resource.upstream like "jira-*" }
when { resource is Toolgate::Prompt || (resource is Toolgate::Resource && (resource.name like "file://*")) };`,
  );
  assert.deepEqual(ruleOf.get('engineer/deny/0'), { role: 'engineer', list: 'deny', index: 0 });
});

test('a rule that names no kind covers all three, or with `when` the tools alone', () => {
  const { policies } = compileRoles([
    role({ allow: [{ upstream: '*' }], deny: [{ upstream: '*', when: { destructive: true } }] }),
  ]);
  assert.deepEqual(
    policies.map((policy) => policy.kinds),
    [['tool', 'prompt', 'resource'], ['tool']],
  );
});

test('a rule that covers nothing gives no policy, and the others keep their ids', () => {
  const { policies } = compileRoles([role({ allow: [{ upstream: '*', tools: [] }, { upstream: 'github' }] })]);
  assert.deepEqual(
    policies.map((policy) => policy.id),
    ['engineer/allow/1'],
  );
});

test('two roles of one name are refused', () => {
  assert.throws(() => compileRoles([role({}), role({})]), /roles\[1\]\.name: There are two roles "engineer"/);
});
