/** What keeps a gateway from starting is said in one clear text, with exit code 1, and nothing is damaged by trying. */
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { newDataDir, type ProgramOptions, runToolgate, serveToolgate } from '../gateway-process.ts';

const NOBODY = 65_534;

/** Starts it and returns what it said, once it has ended. */
async function refusal(t: TestContext, args: readonly string[], options?: ProgramOptions): Promise<string> {
  const program = runToolgate(t, ['serve', '--port', '0', ...args], options);
  const { code } = await program.exited;
  assert.equal(code, 1, program.output());
  assert.equal(program.stdout(), '', 'nothing is announced');
  assert.match(program.stderr(), /^error: /m);
  // No stack, no class of an error, no code line.
  assert.doesNotMatch(program.output(), /^\s+at |Error:|node:internal|\.ts:\d+/m);
  return program.stderr();
}

/** A data folder in which a gateway ran once. */
async function usedDataDir(t: TestContext): Promise<string> {
  const dataDir = await newDataDir(t);
  const gateway = await serveToolgate(t, { dataDir });
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  return dataDir;
}

test('a second gateway on the same data folder ends, and the first one does not notice', async (t) => {
  const dataDir = await newDataDir(t);
  const first = await serveToolgate(t, { dataDir });
  const text = await refusal(t, ['--data-dir', dataDir]);
  assert.match(text, /Another gateway uses the data folder/);
  assert.ok(text.includes(dataDir));
  assert.equal((await first.admin('GET', '/whoami')).status, 200);
  assert.deepEqual(await first.stop(), { code: 0, signal: null });
});

test('after kill -9 nothing is left behind that keeps the next gateway from starting', async (t) => {
  const dataDir = await newDataDir(t);
  const first = await serveToolgate(t, { dataDir });
  await first.stop('SIGKILL');
  const second = await serveToolgate(t, { dataDir, ownerKey: first.ownerKey });
  assert.equal((await second.admin('GET', '/whoami')).status, 200);
});

test('a port in use', async (t) => {
  const other = createServer();
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
  t.after(() => other.close());
  const { port } = other.address() as { port: number };
  const dataDir = await newDataDir(t);
  const text = await refusal(t, ['--data-dir', dataDir, '--port', String(port)]);
  assert.match(text, new RegExp(`Port ${port} .*in use.*--port`));
});

test('the first keys are not lost when the very first start fails for its port', async (t) => {
  const other = createServer();
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
  t.after(() => other.close());
  const dataDir = await newDataDir(t);
  await refusal(t, ['--data-dir', dataDir, '--port', String((other.address() as { port: number }).port)]);
  const next = await serveToolgate(t, { dataDir });
  assert.match(next.ownerKey ?? '', /^tgp_/, 'the start that succeeds shows them');
  assert.equal((await next.admin('GET', '/whoami')).status, 200);
});

test('an address that is not of this machine', async (t) => {
  const dataDir = await newDataDir(t);
  const text = await refusal(t, ['--data-dir', dataDir, '--host', '192.0.2.1', '--public-url', 'https://a.example']);
  assert.match(text, /192\.0\.2\.1 is not an address of this machine.*--host/);
});

test('a data folder that cannot be read or written', async (t) => {
  const dataDir = await usedDataDir(t);
  await writeFile(join(dirname(dataDir), 'file'), '');
  const noFolder = await refusal(t, ['--data-dir', join(dirname(dataDir), 'file')]);
  assert.match(noFolder, /data folder|database/i);
  assert.match(noFolder, /--data-dir|another|access/i);

  if (process.getuid?.() !== 0) {
    await chmod(dataDir, 0o000);
    t.after(() => chmod(dataDir, 0o700));
    assert.match(await refusal(t, ['--data-dir', dataDir]), /permission denied|cannot be|access/i);
    return;
  }
  // Root may read everything, so somebody else tries.
  await chmod(dirname(dataDir), 0o755);
  const text = await refusal(t, ['--data-dir', dataDir], { uid: NOBODY, cwd: dirname(dataDir) });
  assert.match(text, /permission denied|cannot be/i);
  const beside = await refusal(t, ['--data-dir', join(dirname(dataDir), 'new')], {
    uid: NOBODY,
    cwd: dirname(dataDir),
  });
  assert.match(beside, /cannot be used.*--data-dir/);
});

test('a database of a newer version is left as it is', async (t) => {
  const dataDir = await usedDataDir(t);
  const file = join(dataDir, 'toolgate.db');
  const db = new DatabaseSync(file);
  db.exec("INSERT INTO schema_versions (version, name, app_version, applied_at) VALUES (99, 'later', '9.8.7', 1)");
  db.close();
  const before = await readFile(file);
  const text = await refusal(t, ['--data-dir', dataDir]);
  assert.match(text, /schema version 99, written by Toolgate 9\.8\.7/);
  assert.match(text, /Nothing was changed/);
  assert.deepEqual(await readFile(file), before);
});

test('an audit log of a newer version is left as it is', async (t) => {
  const dataDir = await usedDataDir(t);
  const db = new DatabaseSync(join(dataDir, 'audit.db'));
  db.exec('PRAGMA user_version = 99');
  db.close();
  assert.match(await refusal(t, ['--data-dir', dataDir]), /audit log .* a newer version wrote it/);
});

test('a damaged database is named, with what to do', async (t) => {
  for (const name of ['toolgate.db', 'audit.db']) {
    const dataDir = await usedDataDir(t);
    await writeFile(join(dataDir, name), 'this is no database'.repeat(1000));
    const text = await refusal(t, ['--data-dir', dataDir]);
    assert.ok(text.includes(name), text);
  }
});

test('a master key that is readable by others, short, a sample, missing, or another one', async (t) => {
  const dataDir = await usedDataDir(t);
  const file = join(dataDir, 'master.key');
  const good = await readFile(file, 'utf8');

  await chmod(file, 0o644);
  assert.match(await refusal(t, ['--data-dir', dataDir]), /Others may read .*chmod 600/);
  await chmod(file, 0o600);

  for (const weak of ['c2hvcnQ=', 'changeme', Buffer.alloc(32, 0x41).toString('base64')]) {
    await writeFile(file, weak);
    const text = await refusal(t, ['--data-dir', dataDir]);
    assert.ok(text.includes(file), text);
    assert.ok(!text.includes(weak), 'the key is not repeated');
  }

  // Encrypted data exists, so a new key is not made in its place.
  await writeFile(file, Buffer.from('Zq3v!8pLw#0rTy5uXk2mNb7cVd4eSf6g').toString('base64'));
  assert.match(await refusal(t, ['--data-dir', dataDir]), /master key/i);
  await rm(file);
  assert.match(await refusal(t, ['--data-dir', dataDir]), /does not exist.*backup/);
  assert.ok(!(await readdir(dataDir)).includes('master.key'), 'none is made in its place');

  await writeFile(file, good, { mode: 0o600 });
  const gateway = await serveToolgate(t, { dataDir });
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
});

test('a configuration with faults: all of them, each with its place, and no folder is made', async (t) => {
  const dataDir = await newDataDir(t);
  const file = join(dirname(dataDir), 'bad.yaml');
  await mkdir(dirname(dataDir), { recursive: true });
  await writeFile(file, 'listen: { prot: 1 }\naudit: { mode: lax }\nupstreams:\n  - name: UPPER\n    url: ftp://x\n');
  const text = await refusal(t, ['--data-dir', dataDir, '--config', file]);
  for (const part of ['prot', 'audit', 'lax', 'upstreams[0].name', 'upstreams[0].url', 'bad.yaml'])
    assert.ok(text.includes(part), `${part}\n${text}`);
  assert.ok(!(await readdir(dirname(dataDir))).includes('data'));
});
