import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { changeMasterKeyFile, loadMasterKey, loadPendingMasterKey } from './load-master-key.ts';

const KEY = 'nR8LZMfiOljx0HucrkXoE2sC99lcij5Bbbfyh8DpRTp=';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'toolgate-key-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test('the first start makes a key file that only its owner can read, and every later start finds the same key', async (t) => {
  const dir = folder(t);
  const file = join(dir, 'master.key');
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const first = await loadMasterKey({ file });
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(Buffer.from(readFileSync(file, 'utf8'), 'base64').length, 32);
  assert.equal((await loadMasterKey({ file })).id, first.id);
  assert.deepEqual(readdirSync(dir), ['master.key']);
});

test('two processes that start at once end up with one key', async (t) => {
  const dir = folder(t);
  const keys = await Promise.all(Array.from({ length: 20 }, () => loadMasterKey({ file: join(dir, 'master.key') })));
  assert.equal(new Set(keys.map((key) => key.id)).size, 1);
  assert.deepEqual(readdirSync(dir), ['master.key']);
});

test('a lost key file is an error, not a new key, where data exists already', async (t) => {
  const file = join(folder(t), 'master.key');
  await assert.rejects(loadMasterKey({ file }, { generate: false }), /does not exist\. Put it back from your backup/);
  await assert.rejects(loadMasterKey({ file }, { generate: false }), /does not exist/);
});

test('a key file that others may read or change is refused, with the command that cures it', async (t) => {
  const file = join(folder(t), 'master.key');
  writeFileSync(file, KEY, { mode: 0o600 });
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o644, 0o666]) {
    chmodSync(file, mode);
    await assert.rejects(loadMasterKey({ file }), /chmod 600/, mode.toString(8));
  }
  for (const mode of [0o600, 0o400]) {
    chmodSync(file, mode);
    await loadMasterKey({ file });
  }
});

test('a mounted secret, which is a symbolic link, is judged by the file behind it', async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, 'real'), KEY, { mode: 0o600 });
  symlinkSync(join(dir, 'real'), join(dir, 'master.key'));
  await loadMasterKey({ file: join(dir, 'master.key') });
  chmodSync(join(dir, 'real'), 0o644);
  await assert.rejects(loadMasterKey({ file: join(dir, 'master.key') }), /chmod 600/);
});

test('what cannot be a key file is refused with its path', async (t) => {
  const dir = folder(t);
  mkdirSync(join(dir, 'folder'), { mode: 0o700 });
  await assert.rejects(loadMasterKey({ file: join(dir, 'folder') }));
  writeFileSync(join(dir, 'huge'), 'x'.repeat(5000), { mode: 0o600 });
  await assert.rejects(loadMasterKey({ file: join(dir, 'huge') }), /huge has 5000 bytes/);
  await assert.rejects(loadMasterKey({ file: join(dir, 'no', 'such', 'folder') }), /cannot be created/);
});

test('the environment variable is read, and named when it is missing or bad', async () => {
  const fromEnv = await loadMasterKey({ env: 'TG_KEY' }, { env: { TG_KEY: KEY } });
  assert.match(fromEnv.id, /^[0-9a-f]{16}$/);
  await assert.rejects(loadMasterKey({ env: 'TG_KEY' }, { env: {} }), /environment variable TG_KEY is not set/);
  await assert.rejects(
    loadMasterKey({ env: 'TG_KEY' }, { env: { TG_KEY: 'changeme' } }),
    /environment variable TG_KEY is a placeholder/,
  );
});

test('a file descriptor is read to its end', async (t) => {
  const file = join(folder(t), 'key');
  writeFileSync(file, KEY);
  const key = await loadMasterKey({ fd: openSync(file, 'r') });
  assert.equal(key.id, (await loadMasterKey({ env: 'K' }, { env: { K: KEY } })).id);
  await assert.rejects(loadMasterKey({ fd: 9999 }), /cannot be read from file descriptor 9999/);
  writeFileSync(file, 'x'.repeat(5000));
  await assert.rejects(loadMasterKey({ fd: openSync(file, 'r') }), /file descriptor/);
});

test('a key can come through a pipe from a parent process', () => {
  const module = join(import.meta.dirname, 'load-master-key.ts');
  const program = `import { loadMasterKey } from ${JSON.stringify(module)}; console.log((await loadMasterKey({ fd: 3 })).id);`;
  const child = spawnSync('sh', ['-c', 'printf %s "$KEY" | "$NODE" --input-type=module -e "$PROGRAM" 3<&0'], {
    env: { KEY, NODE: process.execPath, PROGRAM: program },
    encoding: 'utf8',
  });
  assert.match(child.stdout, /^[0-9a-f]{16}\n$/, child.stderr);
});

test('a change of the key file that is cut short leaves both keys, and calling it again finishes with the same new key', async (t) => {
  const dir = folder(t);
  const file = join(dir, 'master.key');
  const old = await loadMasterKey({ file });
  assert.equal(await loadPendingMasterKey(file), null);

  let attempted: string | undefined;
  const cut = changeMasterKeyFile(file, async (next) => {
    attempted = next.id;
    throw new Error('power cut');
  });
  await assert.rejects(cut, /power cut/);
  assert.equal((await loadMasterKey({ file })).id, old.id);
  assert.equal((await loadPendingMasterKey(file))?.id, attempted);

  await changeMasterKeyFile(file, async (next) => assert.equal(next.id, attempted));
  assert.equal((await loadMasterKey({ file })).id, attempted);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(dir), ['master.key']);
});
