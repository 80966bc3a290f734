import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSecretKey, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '../lib/secret.ts';
import { deleteDataKey, insertDataKey, listDataKeys } from '../store/data-keys.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { findSecret, listSecretsNotUnder, rekeySecret, type SecretRef } from '../store/secrets.ts';
import { insertTenant } from '../store/tenants.ts';
import { transact } from '../store/transact.ts';
import { sealSecret } from './envelope.ts';
import { changeMasterKeyFile, loadMasterKey, loadPendingMasterKey } from './load-master-key.ts';
import { parseMasterKey } from './master-key.ts';
import { openVault, SHARED } from './vault.ts';

const newMasterKey = () => parseMasterKey(randomBytes(32).toString('base64'), 'test');

const refOf = (name: string, tenantId = 'default'): SecretRef => ({
  tenantId,
  upstream: 'github',
  owner: SHARED,
  name,
});

async function database(t: TestContext): Promise<Database> {
  const db = await openDatabase({ file: ':memory:' });
  t.after(() => db.destroy());
  await migrate(db);
  return db;
}

test('a rotation re-encrypts every secret under a new data key and removes the old one; values and versions stay', async (t) => {
  const db = await database(t);
  await insertTenant(db, { id: 'other', name: 'Other', createdAt: 1 });
  const masterKey = newMasterKey();
  const vault = await openVault({ db, masterKey });
  for (let i = 0; i < 130; i++) await vault.put(refOf(`s${i}`), new Secret(`v${i}`));
  await vault.put(refOf('s', 'other'), new Secret('theirs'));
  const before = await listDataKeys(db);
  const envelope = (await findSecret(db, refOf('s0')))!;

  const report = await vault.rotate();
  assert.deepEqual(report, { masterKeyId: masterKey.id, tenants: 2, secrets: 131, unreadable: [] });
  const after = await listDataKeys(db);
  assert.equal(after.length, 2);
  assert.ok(after.every((key) => key.retiredAt === null && !before.some((old) => old.id === key.id)));
  const moved = (await findSecret(db, refOf('s0')))!;
  assert.notEqual(moved.envelope, envelope.envelope);
  assert.deepEqual([moved.id, moved.version, moved.updatedAt], [envelope.id, envelope.version, envelope.updatedAt]);
  for (const reader of [vault, await openVault({ db, masterKey })]) {
    for (let i = 0; i < 130; i++) assert.equal((await reader.get(refOf(`s${i}`)))?.reveal(), `v${i}`);
    assert.equal((await reader.get(refOf('s', 'other')))?.reveal(), 'theirs');
  }
});

test('after a change of the master key only the new one opens the vault, and new tenants are under it too', async (t) => {
  const db = await database(t);
  await insertTenant(db, { id: 'other', name: 'Other', createdAt: 1 });
  const [old, next] = [newMasterKey(), newMasterKey()];
  const vault = await openVault({ db, masterKey: old });
  await vault.put(refOf('a'), new Secret('one'));
  const report = await vault.rotate({ newMasterKey: next });
  assert.equal(report.masterKeyId, next.id);
  await vault.put(refOf('b', 'other'), new Secret('two'));
  await assert.rejects(openVault({ db, masterKey: old }), /is encrypted under master key/);
  const restarted = await openVault({ db, masterKey: next });
  assert.equal((await restarted.get(refOf('a')))?.reveal(), 'one');
  assert.equal((await restarted.get(refOf('b', 'other')))?.reveal(), 'two');
});

test('a change of the master key that was cut short is finished by opening with both keys and rotating again', async (t) => {
  const db = await database(t);
  const [old, next] = [newMasterKey(), newMasterKey()];
  await (await openVault({ db, masterKey: old })).put(refOf('a'), new Secret('one'));
  const vault = await openVault({ db, masterKey: next, previousMasterKey: old });
  assert.equal((await vault.get(refOf('a')))?.reveal(), 'one');
  await vault.put(refOf('b'), new Secret('two'));
  await vault.rotate();
  const restarted = await openVault({ db, masterKey: next });
  assert.equal((await restarted.get(refOf('a')))?.reveal(), 'one');
  assert.equal((await restarted.get(refOf('b')))?.reveal(), 'two');
});

test('reads, puts and removes go on during rotations, and none is lost or sees a wrong value', async (t) => {
  const db = await database(t);
  const vault = await openVault({ db, masterKey: newMasterKey() });
  const expected = new Map<string, string | null>();
  const names = Array.from({ length: 120 }, (_, i) => `s${i}`);
  for (const name of names) {
    await vault.put(refOf(name), new Secret(`${name}:0`));
    expected.set(name, `${name}:0`);
  }
  let running = true;
  let served = 0;
  const serve = async (worker: number) => {
    // Each worker owns its names, so that it knows what must be there.
    const mine = names.filter((_, i) => i % 4 === worker);
    for (let step = 1; running; step++) {
      const name = mine[(step * 7) % mine.length]!;
      const value = step % 5 === 0 ? null : `${name}:${step}`;
      if (step % 2 === 0) {
        if (value === null) await vault.remove(refOf(name));
        else await vault.put(refOf(name), new Secret(value));
        expected.set(name, value);
      }
      if (step % 3 === 0) vault.forget();
      assert.equal((await vault.get(refOf(name)))?.reveal() ?? null, expected.get(name));
      served++;
      // As calls that come from the network do; an endless chain of promises would let nothing else run.
      await nextTurn();
    }
  };
  const workers = [0, 1, 2, 3].map(serve);
  const newest = newMasterKey();
  let duringRotations = 0;
  for (const newKey of [undefined, newMasterKey(), undefined, newest]) {
    const before = served;
    const report = await vault.rotate({ newMasterKey: newKey });
    duringRotations += served - before;
    assert.deepEqual(report.unreadable, []);
  }
  running = false;
  await Promise.all(workers);
  assert.ok(duringRotations > 0, 'calls were served while it rotated');

  const [dataKey, ...others] = await listDataKeys(db);
  assert.deepEqual(others, []);
  const left = await listSecretsNotUnder(db, { tenantId: 'default', dataKeyId: dataKey!.id, limit: 10 });
  assert.deepEqual(left.items, []);
  const restarted = await openVault({ db, masterKey: newest });
  for (const [name, value] of expected) assert.equal((await restarted.get(refOf(name)))?.reveal() ?? null, value);
});

test('reads and puts of another process go on while this one rotates', async (t) => {
  const db = await database(t);
  const masterKey = newMasterKey();
  const here = await openVault({ db, masterKey });
  const there = await openVault({ db, masterKey });
  await here.put(refOf('a'), new Secret('start'));
  let expected = 'start';
  for (let offset = 0; offset < 120; offset++) {
    // Makes the other one look up a data key that it does not know yet, in the middle of the next rotation.
    await here.rotate();
    there.forget();
    const rotating = here.rotate();
    for (let turn = 0; turn < offset; turn++) await undefined;
    assert.equal((await there.get(refOf('a')))?.reveal(), expected);
    await rotating;
    const read = there.get(refOf('a'));
    const put = there.put(refOf('a'), new Secret(`${offset}`));
    expected = `${offset}`;
    await Promise.all([read, put]);
    assert.equal((await there.get(refOf('a')))?.reveal(), expected);
  }
});

test('a read that has to look up its data key cannot bring back a value that a put replaced meanwhile', async (t) => {
  const db = await database(t);
  const masterKey = newMasterKey();
  const here = await openVault({ db, masterKey });
  const there = await openVault({ db, masterKey });
  await there.put(refOf('warm'), new Secret('x'));
  for (let offset = -60; offset < 60; offset++) {
    await here.put(refOf('a'), new Secret('old'));
    await here.rotate();
    there.forget();
    // Takes the new data key into use there, but not the value.
    if (offset % 2 === 0) await there.put(refOf('warm'), new Secret('x'));
    const start = [() => there.get(refOf('a')), () => there.put(refOf('a'), new Secret('new'))];
    if (offset < 0) start.reverse();
    const first = start[0]!();
    for (let turn = 0; turn < Math.abs(offset); turn++) await undefined;
    await Promise.all([first, start[1]!()]);
    assert.equal((await there.get(refOf('a')))?.reveal(), 'new', `offset ${offset}`);
  }
});

test('a read finds a secret that another process moves between two of its queries', async (t) => {
  const db = await database(t);
  const masterKey = newMasterKey();
  await (await openVault({ db, masterKey })).put(refOf('a'), new Secret('value'));
  for (let offset = 0; offset < 60; offset++) {
    // Knows no data key of this round in advance.
    const reader = await openVault({ db, masterKey });
    await (await openVault({ db, masterKey })).rotate();
    const stored = (await findSecret(db, refOf('a')))!;
    const bytes = randomBytes(32);
    const next = { id: `dk_next_${offset}`, key: createSecretKey(bytes) };
    const envelope = sealSecret(next, refOf('a'), stored.version, new Secret('value'));
    const read = reader.get(refOf('a'));
    for (let turn = 0; turn < offset; turn++) await undefined;
    await transact(db, async (trx) => {
      const wrapped = masterKey.wrap('default', next.id, bytes);
      await insertDataKey(trx, { tenantId: 'default', id: next.id, wrapped, masterKeyId: masterKey.id, createdAt: 1 });
      await rekeySecret(trx, refOf('a'), stored, { envelope, dataKeyId: next.id });
      await deleteDataKey(trx, { tenantId: 'default', id: stored.dataKeyId });
    });
    assert.equal((await read)?.reveal(), 'value', `offset ${offset}`);
  }
});

test('two rotations at once: the second is refused and says why', async (t) => {
  const vault = await openVault({ db: await database(t), masterKey: newMasterKey() });
  await vault.put(refOf('a'), new Secret('one'));
  const first = vault.rotate();
  await assert.rejects(vault.rotate(), { code: 'conflict', message: /under way/ });
  await first;
  await vault.rotate();
});

test('a damaged secret is reported and left alone; all others are moved', async (t) => {
  const db = await database(t);
  const masterKey = newMasterKey();
  const vault = await openVault({ db, masterKey });
  for (const name of ['a', 'b', 'c']) await vault.put(refOf(name), new Secret(name));
  const [a, b] = [(await findSecret(db, refOf('a')))!, (await findSecret(db, refOf('b')))!];
  await rekeySecret(db, refOf('b'), b, a);
  const report = await vault.rotate();
  assert.equal(report.secrets, 2);
  assert.deepEqual(
    report.unreadable.map((entry) => entry.ref),
    [refOf('b')],
  );
  assert.deepEqual((await findSecret(db, refOf('b')))?.envelope, a.envelope);
  const restarted = await openVault({ db, masterKey });
  assert.equal((await restarted.get(refOf('c')))?.reveal(), 'c');
});

test('kill -9 at any moment of a change of the master key leaves everything readable, and running it again finishes', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'toolgate-rotation-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'toolgate.db');
  const keyFile = join(dir, 'master.key');
  const SECRETS = 600;

  let db = await openDatabase({ file });
  await migrate(db);
  const vault = await openVault({ db, masterKey: await loadMasterKey({ file: keyFile }) });
  for (let i = 0; i < SECRETS; i++) await vault.put(refOf(`s${i}`), new Secret(`v${i}`));
  await db.destroy();

  /** Rotates without end; says when it starts. */
  const program = `
    const { openDatabase } = await import(${JSON.stringify(join(import.meta.dirname, '../store/database.ts'))});
    const { openVault } = await import(${JSON.stringify(join(import.meta.dirname, 'vault.ts'))});
    const load = await import(${JSON.stringify(join(import.meta.dirname, 'load-master-key.ts'))});
    const db = await openDatabase({ file: ${JSON.stringify(file)} });
    const masterKey = await load.loadMasterKey({ file: ${JSON.stringify(keyFile)} });
    const previousMasterKey = (await load.loadPendingMasterKey(${JSON.stringify(keyFile)})) ?? undefined;
    const vault = await openVault({ db, masterKey, previousMasterKey });
    process.stdout.write('start');
    for (;;) {
      await load.changeMasterKeyFile(${JSON.stringify(keyFile)}, (newMasterKey) => vault.rotate({ newMasterKey }));
    }`;
  for (const delay of [0, 5, 15, 40, 90]) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), exited.then(() => assert.fail('it ended by itself'))]);
    await sleep(delay);
    child.kill('SIGKILL');
    await exited;

    db = await openDatabase({ file });
    const masterKey = await loadMasterKey({ file: keyFile }, { generate: false });
    const previousMasterKey = (await loadPendingMasterKey(keyFile)) ?? undefined;
    const reopened = await openVault({ db, masterKey, previousMasterKey });
    for (let i = 0; i < SECRETS; i++) assert.equal((await reopened.get(refOf(`s${i}`)))?.reveal(), `v${i}`);
    await db.destroy();
  }

  db = await openDatabase({ file });
  t.after(() => db.destroy());
  const last = await openVault({
    db,
    masterKey: await loadMasterKey({ file: keyFile }),
    previousMasterKey: (await loadPendingMasterKey(keyFile)) ?? undefined,
  });
  await changeMasterKeyFile(keyFile, (next) => last.rotate({ newMasterKey: next }));
  assert.equal((await listDataKeys(db)).length, 1);
  const finished = await openVault({ db, masterKey: await loadMasterKey({ file: keyFile }) });
  for (let i = 0; i < SECRETS; i++) assert.equal((await finished.get(refOf(`s${i}`)))?.reveal(), `v${i}`);
});
