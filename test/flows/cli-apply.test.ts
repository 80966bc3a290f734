import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { type CliGateway, createFolder, serveIn } from './cli-process.ts';

let folder: Awaited<ReturnType<typeof createFolder>>;
let gateway: CliGateway;
before(async () => {
  folder = await createFolder();
  gateway = await serveIn(folder.path);
});
after(async () => {
  await gateway.stop();
  await folder.remove();
});

const STATE = `
roles:
  - { name: reader, allow: [{ upstream: notes, tools: ['read_*'] }] }
users: [{ name: ann }, { name: bea }]
groups: [{ name: readers, members: [ann] }]
roleAssignments:
  - { role: reader, subject: { kind: group, name: readers } }
`;

const apply = (input: string, ...options: string[]) => gateway.run(['apply', '-f', '-', ...options], { input });

test('a dry run shows the diff and changes nothing', async () => {
  const { code, stdout } = await apply(STATE, '--dry-run');
  assert.equal(code, 0);
  assert.match(stdout, /^\+ role reader\n\+ user ann\n\+ user bea\n\+ group readers\n[\s\S]*\nWould create 5\.\n$/);
  assert.equal((await gateway.run(['group', 'list'])).stdout, 'There are no groups.\n');
});

test('without a terminal and without --yes it shows the diff and refuses', async () => {
  const { code, stdout, stderr } = await apply(STATE);
  assert.equal(code, 1);
  assert.match(stdout, /^\+ role reader\n/);
  assert.match(stderr, /^error: Nothing was changed: .*--yes/);
});

test('it is applied, and the second time nothing is left to do', async () => {
  const first = await apply(STATE, '--yes');
  assert.match(first.stdout, /\nDone: create 5\.\n$/);
  assert.equal((await apply(STATE, '--yes')).stdout, 'Nothing to change.\n');
});

test('a change is shown member by member, and --prune removes what is not listed', async () => {
  const changed = STATE.replace("['read_*']", "['list_*']")
    .replace('users: [{ name: ann }, { name: bea }]', '')
    .replace('[ann]', '[bea]');
  const { stdout } = await apply(changed, '--dry-run');
  assert.match(stdout, /~ role reader\n {4}- allow: .*read_\*.*\n {4}\+ allow: .*list_\*/);
  assert.match(stdout, /~ group readers\n {4}- members: ann\n {4}\+ members: bea\n/);
  const pruned = await apply('groups: []', '--prune', '--yes', '--json');
  assert.deepEqual(pruned.json.summary, { create: 0, update: 0, remove: 1 });
});

test('what is exported can be applied again and changes nothing', async () => {
  const { stdout } = await gateway.run(['export']);
  assert.ok(parse(stdout).users.some((user: { name: string }) => user.name === 'ann'));
  assert.ok(!/tg[ps]_/.test(stdout));
  assert.equal((await apply(stdout, '--yes')).stdout, 'Nothing to change.\n');
});

test('all faults of a document are shown, each with its place, and nothing is applied', async () => {
  const { code, stderr } = await apply('roles: [{ name: X, alow: [] }]\nusers: [{ name: cleo }]', '--yes');
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: .*is not valid:\n {2}roles\[0\]\.name: .*\n {2}roles\[0\]\.alow: .*Did you mean `allow`\?\n$/,
  );
  assert.ok(!(await gateway.run(['user', 'list'])).stdout.includes('cleo'));
});

test('a file that is no YAML is named with its line', async () => {
  const { code, stderr } = await apply('roles:\n  - {', '--yes');
  assert.equal(code, 1);
  assert.match(stderr, /^error: -:\d+: this is not valid YAML: /);
});
