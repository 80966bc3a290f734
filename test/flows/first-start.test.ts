/** The very first start of a data folder, when it does not go as it should. */
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { newDataDir, runToolgate, serveToolgate } from '../gateway-process.ts';

test('what it creates is for its user alone', async (t) => {
  const dataDir = await newDataDir(t);
  const program = runToolgate(t, ['serve', '--json', '--port', '0'], { cwd: dirname(dataDir) });
  await firstLine(program);
  const folder = join(dirname(dataDir), 'toolgate-data');
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  const names = await readdir(folder);
  for (const name of ['toolgate.db', 'audit.db', 'master.key', 'audit-signing.key', 'toolgate.yaml']) {
    assert.ok(names.includes(name), name);
  }
  for (const name of names) assert.equal((await stat(join(folder, name))).mode & 0o077, 0, name);
  program.child.kill('SIGTERM');
  assert.deepEqual(await program.exited, { code: 0, signal: null });
});

/** Null when it ended without one. */
async function firstLine(program: ReturnType<typeof runToolgate>): Promise<string | null> {
  const line = new Promise<string>((done) => {
    program.child.stdout!.on('data', () => {
      if (program.stdout().includes('\n')) done(program.stdout().split('\n')[0]!);
    });
  });
  return Promise.race([line, program.exited.then(() => null)]);
}

test('of several first starts at once one comes up and shows the keys; the others end with a clear error', async (t) => {
  for (let round = 0; round < 2; round++) {
    const dataDir = await newDataDir(t);
    const programs = Array.from({ length: 3 }, () =>
      runToolgate(t, ['serve', '--json', '--port', '0', '--data-dir', dataDir]),
    );
    const lines = await Promise.all(programs.map(firstLine));
    const ready = lines.flatMap((line) => (line === null ? [] : [JSON.parse(line)]));
    assert.equal(ready.length, 1, programs.map(({ output }) => output()).join('\n---\n'));
    const [{ url, ownerKey, serviceKey }] = ready;
    assert.match(ownerKey, /^tgp_/);
    assert.match(serviceKey, /^tgs_/);
    const answer = await fetch(`${url}/api/v1/users`, { headers: { authorization: `Bearer ${ownerKey}` } });
    const users = (await answer.json()) as { items: unknown[] };
    assert.equal(users.items.length, 1);
    for (const [index, program] of programs.entries()) {
      if (lines[index] !== null) program.child.kill('SIGTERM');
      const { code } = await program.exited;
      assert.equal(code, lines[index] === null ? 1 : 0, program.output());
      assert.doesNotMatch(program.output(), /fault of Toolgate|^\s+at /m);
    }
  }
});

test('killed anywhere in the first start, the next one comes up, and the folder has an owner who can be reached', {
  timeout: 120_000,
}, async (t) => {
  for (let round = 0; round < 4; round++) {
    const dataDir = await newDataDir(t);
    const first = runToolgate(t, ['serve', '--json', '--port', '0', '--data-dir', dataDir]);
    await new Promise((done) => setTimeout(done, 100 + round * 130 + Math.random() * 130));
    first.child.kill('SIGKILL');
    await first.exited;
    const shown = /"ownerKey":"(tgp_\w+)"/.exec(first.stdout())?.[1];
    const next = await serveToolgate(t, { dataDir, ownerKey: shown });
    if (next.ownerKey !== undefined) assert.equal((await next.admin('GET', '/whoami')).status, 200);
    assert.deepEqual(await next.stop(), { code: 0, signal: null });
    // Whoever may write the folder can always issue a key; also where the first one was made and never shown.
    const issued = runToolgate(t, ['key', 'create', 'rescue', '--user', 'owner', '--json', '--data-dir', dataDir]);
    assert.equal((await issued.exited).code, 0, issued.output());
    const { key: rescue } = JSON.parse(issued.stdout());
    const last = await serveToolgate(t, { dataDir, ownerKey: rescue });
    const { status, body } = await last.admin('GET', '/whoami');
    assert.equal(status, 200, JSON.stringify(body));
    await last.stop();
  }
});
