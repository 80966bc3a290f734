import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CliGateway, createFolder, serveIn, toolgate } from './cli-process.ts';

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

const ask = async (...args: string[]) => (await gateway.run([...args, '--json'])).json;

/** What the gateway answers to a plain request with this key. */
async function statusWith(key: string): Promise<number> {
  const response = await fetch(`${gateway.url}/api/v1/whoami`, { headers: { authorization: `Bearer ${key}` } });
  await response.text();
  return response.status;
}

test('whoami names the principal, the key and what it may do', async () => {
  const { code, stdout } = await gateway.run(['whoami']);
  assert.equal(code, 0);
  assert.match(stdout, /^Principal {4}owner \(user, usr_.*\)\nThrough {6}the key first owner key \(key_.*\)\n/);
  assert.match(stdout, /Administers {2}as owner\n/);
});

test('users are added, listed, disabled, enabled and removed by name', async () => {
  const added = await gateway.run(['user', 'add', 'ann@example.com', '--display-name', 'Ann']);
  assert.match(
    added.stdout,
    /^Added the user ann@example\.com \(usr_\w+\)\.\nNext: toolgate key create --user ann@example\.com\n$/,
  );
  const key = (await ask('key', 'create', '--user', 'ann@example.com')).key;
  assert.equal(await statusWith(key), 200);
  assert.equal((await gateway.run(['user', 'disable', 'ANN@example.com'])).code, 0);
  assert.equal(await statusWith(key), 401);
  assert.match((await gateway.run(['user', 'list'])).stdout, /^ann@example\.com {2}disabled {2}\S+ \S+ {2}Ann$/m);
  await gateway.run(['user', 'enable', 'ann@example.com']);
  assert.equal(await statusWith(key), 200);
  assert.equal((await gateway.run(['user', 'remove', 'ann@example.com'])).code, 0);
  assert.equal(await statusWith(key), 401);
});

test('a name that does not exist is exit code 1, with the nearest one', async () => {
  await gateway.run(['service-account', 'add', 'nightly-report']);
  const { code, stderr } = await gateway.run(['service-account', 'disable', 'nightly-reprot']);
  assert.deepEqual(
    [code, stderr],
    [1, 'error: There is no service account nightly-reprot. Did you mean nightly-report?\n'],
  );
});

test('a name that is taken is refused with the reason', async () => {
  const { code, stderr } = await gateway.run(['service-account', 'add', 'first-agent', '--json']);
  assert.equal(code, 1);
  assert.equal(JSON.parse(stderr).error.code, 'conflict');
});

test('nothing is made when a group that was asked for does not exist', async () => {
  assert.equal((await gateway.run(['user', 'add', 'bea', '--group', 'nobody'])).code, 1);
  assert.ok(!(await ask('user', 'list')).some((user: { name: string }) => user.name === 'bea'));
});

test('a role reaches a user through a group, and policy explain says so', async () => {
  await writeFile(
    join(folder.path, 'reader.yaml'),
    "name: reader\ndescription: Reads notes\nallow: [{ upstream: notes, tools: ['read_*', 'list_*'] }]\n",
  );
  await gateway.run(['user', 'add', 'cleo']);
  await gateway.run(['group', 'add', 'readers']);
  assert.equal((await gateway.run(['group', 'add-member', 'readers', 'cleo'])).stdout, 'cleo is in readers.\n');
  assert.match((await gateway.run(['role', 'apply', '-f', 'reader.yaml'])).stdout, /reader was created/);
  assert.match((await gateway.run(['role', 'apply', '-f', 'reader.yaml'])).stdout, /reader was replaced/);
  assert.equal((await gateway.run(['role', 'assign', 'reader', '--group', 'readers'])).code, 0);
  assert.match(
    (await gateway.run(['role', 'show', 'reader'])).stdout,
    /^name: reader\n[\s\S]*# Assigned to:\n# {3}group readers\n$/,
  );

  const yes = await gateway.run(['policy', 'explain', '--user', 'cleo', '--upstream', 'notes', '--tool', 'read_note']);
  assert.equal(yes.code, 0);
  assert.match(yes.stdout, /^yes {2}cleo may call notes read_note\n {5}reader\/allow\/0: /);
  const no = await gateway.run(['policy', 'explain', '--user', 'cleo', '--tool', 'notes__delete_note']);
  assert.equal(no.code, 1);
  assert.match(no.stdout, /^no {3}cleo may not call notes delete_note\n/);
  assert.match(no.stdout, /\nAsk an administrator: owner\nOnly a role for everything would: full-access\n/);
});

test('policy explain suggests the narrowest role there is, else how to write one that works as printed', async () => {
  await gateway.run(['user', 'add', 'dora']);
  const explain = (tool: string) => gateway.run(['policy', 'explain', '--user', 'dora', '--tool', tool]);
  const narrow = (await explain('notes__read_note')).stdout;
  assert.match(
    narrow,
    /\nThis would allow it: toolgate role assign reader --user dora\nSo would the roles: full-access\n/,
  );

  const none = (await explain('notes__delete_note')).stdout;
  const [, yaml, assign] = /role\.yaml:\n\n([\s\S]*?)\n\nThen: .*\n +toolgate (role assign .*)\n$/.exec(none)!;
  await writeFile(join(folder.path, 'role.yaml'), yaml!);
  assert.equal((await gateway.run(['role', 'apply', '-f', 'role.yaml'])).code, 0);
  assert.equal((await gateway.run(assign!.split(' '))).code, 0);
  assert.equal((await explain('notes__delete_note')).code, 0);
  assert.equal((await explain('notes__read_note')).code, 1, 'it allows nothing else');

  await writeFile(join(folder.path, 'deny.yaml'), "name: never\ndeny: [{ upstream: notes, tools: ['add_*'] }]\n");
  await gateway.run(['role', 'apply', '-f', 'deny.yaml']);
  await gateway.run(['role', 'assign', 'never', '--user', 'dora']);
  const denied = (await explain('notes__add_note')).stdout;
  assert.match(denied, /\nNo further role helps while this denies it: never\/deny\/0\n$/);
});

test('a fault in a role is shown with its place and what to write', async () => {
  const input = 'name: broken\nallow: [{ upstream: notes, tool: [x] }]\n';
  const { code, stderr } = await gateway.run(['role', 'apply', '-f', '-'], { input });
  assert.equal(code, 1);
  assert.match(stderr, /allow\[0\]\.tool: .*Did you mean `tools`\?/);
});

test('a new key is shown once, with lines for clients, and its limits are kept', async () => {
  const words = [
    'key',
    'create',
    'laptop',
    '--service-account',
    'first-agent',
    '--expires',
    '90d',
    '--tool',
    'notes__*',
  ];
  const { code, stdout } = await gateway.run(words);
  assert.equal(code, 0);
  const [, key] = /\n {2}(tgs_\w{49})\n/.exec(stdout)!;
  assert.ok(stdout.includes(`claude mcp add --transport http toolgate ${gateway.url}/mcp`));
  assert.ok(stdout.includes(`Authorization: Bearer ${key}`));
  assert.equal(await statusWith(key!), 200);
  const listed = await gateway.run(['key', 'list']);
  assert.ok(!listed.stdout.includes(key!));
  assert.match(
    listed.stdout,
    new RegExp(`^laptop +first-agent +${key!.slice(0, 8)}… +active +\\d{4}-\\d\\d-\\d\\d +`, 'm'),
  );
});

test('a key is named by its first characters, its name or its id; rotation leaves both working', async () => {
  const { key, accessKey } = await ask('key', 'create', 'rotating', '--service-account', 'first-agent');
  const rotated = await ask('key', 'rotate', 'rotating', '--overlap', '1h');
  assert.deepEqual([await statusWith(key), await statusWith(rotated.key)], [200, 200]);
  const ambiguous = await gateway.run(['key', 'revoke', 'rotating']);
  assert.match(ambiguous.stderr, /^error: 2 keys fit\. Name one by its id:\n {2}key_/);
  assert.equal((await gateway.run(['key', 'revoke', key.slice(0, 8)])).code, 0);
  assert.deepEqual([await statusWith(key), await statusWith(rotated.key)], [401, 200]);
  assert.equal((await gateway.run(['key', 'revoke', rotated.accessKey.id])).code, 0);
  assert.equal(await statusWith(rotated.key), 401);
  assert.notEqual(rotated.accessKey.id, accessKey.id);
});

test('upstream list and test show how an upstream is doing, and what is wrong', async (t) => {
  const silent = createServer((_, response) => response.writeHead(500).end()).listen(0, '127.0.0.1');
  t.after(() => {
    silent.close();
    silent.closeAllConnections();
  });
  await once(silent, 'listening');
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/mcp`;
  const added = await gateway.run(['upstream', 'add', 'broken', url, '--header', 'Authorization']);
  assert.match(
    added.stdout,
    /^Added the upstream broken\..*\nNext: toolgate upstream credential broken Authorization\n$/,
  );
  const stored = await gateway.run(['upstream', 'credential', 'broken'], { input: 'Bearer canary-5431\n' });
  assert.match(stored.stdout, /^Stored Authorization for broken, encrypted\./);
  const values = await gateway.run(['upstream', 'credential', 'broken', '--list']);
  assert.match(values.stdout, /^Authorization {2}everybody/m);
  assert.ok(!values.stdout.includes('canary-5431'));
  const tested = await gateway.run(['upstream', 'test', 'broken']);
  assert.equal(tested.code, 1);
  assert.match(tested.stdout, /^fail {2}\w+/m);
  const listed = await gateway.run(['upstream', 'list']);
  assert.match(listed.stdout, /^NAME +STATE +TYPE +TOOLS/);
  assert.match(listed.stdout, /^notes +ready +stdio +6 /m);
  assert.equal((await gateway.run(['upstream', 'remove', 'broken'])).code, 0);
});

test('an upstream with accounts is added with what comes next, and takes the secret of its client', async () => {
  const options = ['--oauth', 'user', '--preset', 'github', '--client-id', 'Iv1', '--disabled'];
  const added = await gateway.run(['upstream', 'add', 'hub', 'https://hub.example/mcp', ...options]);
  assert.match(
    added.stdout,
    /^Added the upstream hub\..*\nNext: toolgate upstream credential hub client-secret\nThen: everybody connects their account .*: toolgate connection connect hub\n$/,
  );
  const stored = await gateway.run(['upstream', 'credential', 'hub'], { input: 'canary-5432\n' });
  assert.match(stored.stdout, /^Stored client-secret for hub, encrypted\./);
  const refused = await gateway.run(['upstream', 'add', 'other', 'https://o.example/mcp', '--preset', 'github']);
  assert.deepEqual([refused.code, refused.stderr.includes('--preset goes with --oauth')], [2, true]);
  assert.equal((await gateway.run(['upstream', 'remove', 'hub', '--yes'])).code, 0);
});

test('an upstream of the configuration file is changed there', async () => {
  const { code, stderr } = await gateway.run(['upstream', 'remove', 'notes']);
  assert.equal(code, 1);
  assert.match(stderr, /declared in the configuration file/);
});

test('vault rotate encrypts anew, also under a new master key', async () => {
  const before = await ask('vault', 'rotate');
  const { masterKeyId } = await ask('vault', 'rotate', '--new-master-key');
  assert.notEqual(masterKeyId, before.masterKeyId);
});

test('without a key the text says where to get one', async () => {
  const { code, stderr } = await toolgate(['user', 'list'], { cwd: folder.path, env: { TOOLGATE_URL: gateway.url } });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /needs the key of an owner or administrator, in TOOLGATE_KEY or --key-file.*toolgate key create/,
  );
});

test('whoever revoked the last key that works is told how to make another', async () => {
  const {
    accessKey: { id },
    key,
  } = await ask('key', 'create', 'short-lived', '--user', 'owner');
  await gateway.run(['key', 'revoke', id]);
  const { code, stderr } = await gateway.run(['user', 'list'], { env: { TOOLGATE_KEY: key } });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /is not valid\..*If you have no other key: stop the gateway, run `toolgate key create --user owner` on its machine/,
  );
});

test('a rule for an upstream that is not there is kept, with a warning', async () => {
  const rules = `allow: [{ upstream: nots, tools: ['*'] }, { upstream: '*', tools: ['*'] }, { upstream: 'note*', tools: [a] }]`;
  const input = `name: mistyped\n${rules}\ndeny: [{ upstream: 'jra*', tools: ['*'] }]\n`;
  const { code, stdout, stderr } = await gateway.run(['role', 'apply', '-f', '-'], { input });
  assert.deepEqual([code, stdout], [0, 'The role mistyped was created.\n']);
  assert.match(
    stderr,
    /^warning: no upstream is named nots or jra\*, so these rules of the role mistyped cover nothing/,
  );
  const good = await gateway.run(['role', 'apply', '-f', '-'], {
    input: `name: mistyped\nallow: [{ upstream: notes, tools: ['*'] }]\n`,
  });
  assert.equal(good.stderr, '');
  const stated = await gateway.run(['apply', '-f', '-', '--yes'], {
    input: `roles: [{ name: stated, allow: [{ upstream: nots, tools: ['*'] }] }]\n`,
  });
  assert.match(stated.stderr, /^warning: no upstream is named nots, .* role stated/);
});

test('a key without an administrative role is told so', async () => {
  const file = join(folder.path, 'service.key');
  await writeFile(file, `${gateway.serviceKey}\n`);
  const options = { cwd: folder.path, env: { TOOLGATE_URL: gateway.url } };
  const { code, stderr } = await toolgate(['user', 'list', '--key-file', 'service.key'], options);
  assert.equal(code, 1);
  assert.match(stderr, /owner or admin/);
  assert.equal((await toolgate(['whoami', '--key-file', file], options)).code, 0);
});
