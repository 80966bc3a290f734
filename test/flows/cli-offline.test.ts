import assert from 'node:assert/strict';
import { access, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createFolder, serveIn, toolgate } from './cli-process.ts';

let folder: Awaited<ReturnType<typeof createFolder>>;
before(async () => {
  folder = await createFolder();
  await (await serveIn(folder.path)).stop();
});
after(() => folder.remove());

const run = (...args: string[]) => toolgate(args, { cwd: folder.path });

test('when no gateway runs, commands work on the data folder, without a key', async () => {
  assert.match((await run('user', 'add', 'ann')).stdout, /^Added the user ann/);
  assert.ok((await run('user', 'list', '--json')).json.some((user: { name: string }) => user.name === 'ann'));
});

test('that no gateway is asked is said on standard error, in scripts and with --json too', async () => {
  for (const words of [
    ['user', 'list'],
    ['user', 'list', '--json'],
  ]) {
    const { code, stdout, stderr } = await run(...words);
    assert.equal(code, 0);
    assert.match(stderr, /^No gateway uses the data folder \S+toolgate-data; working on it directly\.\n$/);
    assert.doesNotMatch(stdout, /No gateway/);
  }
});

test('a key that is given but not used is warned of, with how to reach a running gateway', async () => {
  const elsewhere = await createFolder();
  const gateway = await serveIn(elsewhere.path);
  const keyed = { cwd: folder.path, env: { TOOLGATE_KEY: gateway.ownerKey } };
  const added = await toolgate(['user', 'add', 'zoe', '--json'], keyed);
  assert.equal(added.json.name, 'zoe');
  assert.match(
    added.stderr,
    /^warning: No gateway uses the data folder .*The key in TOOLGATE_KEY is not used: .*--url/,
  );
  await writeFile(join(folder.path, 'owner.key'), gateway.ownerKey);
  const fromFile = await run('user', 'list', '--key-file', 'owner.key');
  assert.match(fromFile.stderr, /The key in --key-file is not used: .* --url or TOOLGATE_URL\.\n$/);
  await gateway.stop();
  await elsewhere.remove();
});

test('what was done so is in the audit log under the name of the user of the machine', async () => {
  await run('user', 'add', 'bea');
  const [entry] = (await run('audit', 'search', '--action', 'user.create', '--tool', 'bea', '--json')).json;
  assert.equal(entry.principalName, `local:${userInfo().username}`);
  assert.equal(entry.outcome, 'ok');
});

test('a lost owner key can be replaced, and the new one works once the gateway runs', async () => {
  const { key } = (await run('key', 'create', '--user', 'owner', '--json')).json;
  const gateway = await serveIn(folder.path);
  assert.equal((await gateway.run(['user', 'list'], { env: { TOOLGATE_KEY: key } })).code, 0);
  await gateway.stop();
});

test('no upstream is started: their state is unknown', async () => {
  const [notes] = (await run('upstream', 'list', '--json')).json;
  assert.deepEqual([notes.name, notes.status], ['notes', null]);
});

test('while a gateway uses the data folder, nobody else opens it', async () => {
  const gateway = await serveIn(folder.path);
  const { code, stderr } = await run('user', 'list');
  assert.equal(code, 1);
  // It listens on a free port, which the configuration does not know.
  assert.match(
    stderr,
    /^error: A gateway uses the data folder .*, but does not answer at http:\/\/127\.0\.0\.1:8420\. .*--url or TOOLGATE_URL/,
  );
  await gateway.stop();
});

test('a folder without a gateway is never turned into one by a command', async () => {
  const empty = await createFolder();
  const { code } = await toolgate(['user', 'add', 'ann'], { cwd: empty.path });
  assert.equal(code, 1);
  await assert.rejects(access(join(empty.path, 'toolgate-data')));
  await empty.remove();
});

test('faults of the configuration are shown as `serve` shows them', async () => {
  const file = join(folder.path, 'broken.yaml');
  await writeFile(file, 'oops: 1\n');
  const { code, stderr } = await run('user', 'list', '--config', file);
  assert.equal(code, 1);
  assert.match(stderr, /has one fault:[\s\S]*`oops` is not a known key/);
});
