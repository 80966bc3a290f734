import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { AppError } from '../errors/app-error.ts';
import { Secret } from '../lib/secret.ts';
import { listDataKeys } from '../store/data-keys.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { deleteSecret, findSecret, rekeySecret, type SecretRef, updateSecret } from '../store/secrets.ts';
import { insertTenant } from '../store/tenants.ts';
import { parseMasterKey } from './master-key.ts';
import { openVault, SHARED } from './vault.ts';

const newMasterKey = () => parseMasterKey(randomBytes(32).toString('base64'), 'test');

async function database(t: TestContext): Promise<Database> {
  const db = await openDatabase({ file: ':memory:' });
  t.after(() => db.destroy());
  await migrate(db);
  return db;
}

const refOf = (change: Partial<SecretRef> = {}): SecretRef => ({
  tenantId: 'default',
  upstream: 'github',
  owner: SHARED,
  name: 'Authorization',
  ...change,
});

test('a stored secret comes back, after a restart too, and a missing one is null', async (t) => {
  const db = await database(t);
  const masterKey = newMasterKey();
  const vault = await openVault({ db, masterKey });
  assert.deepEqual((await vault.put(refOf(), new Secret('Bearer one'))).version, 1);
  assert.equal((await vault.get(refOf()))?.reveal(), 'Bearer one');
  assert.equal(await vault.get(refOf({ name: 'other' })), null);
  const restarted = await openVault({ db, masterKey });
  assert.equal((await restarted.get(refOf()))?.reveal(), 'Bearer one');
});

test('every place has its own secret', async (t) => {
  const db = await database(t);
  await insertTenant(db, { id: 'other', name: 'Other', createdAt: 1 });
  const vault = await openVault({ db, masterKey: newMasterKey() });
  const places = [
    refOf(),
    refOf({ upstream: 'gitlab' }),
    refOf({ name: 'X-Key' }),
    refOf({ owner: { kind: 'user', id: 'usr_1' } }),
    refOf({ owner: { kind: 'user', id: 'usr_2' } }),
    refOf({ owner: { kind: 'service_account', id: 'usr_1' } }),
    refOf({ tenantId: 'other' }),
  ];
  for (const [i, place] of places.entries()) await vault.put(place, new Secret(`value ${i}`));
  for (const [i, place] of places.entries()) assert.equal((await vault.get(place))?.reveal(), `value ${i}`);
  vault.forget();
  for (const [i, place] of places.entries()) assert.equal((await vault.get(place))?.reveal(), `value ${i}`);
});

test('the database holds only ciphertext', async (t) => {
  const db = await database(t);
  const vault = await openVault({ db, masterKey: newMasterKey() });
  await vault.put(refOf(), new Secret('canary-7f3a'));
  const rows = JSON.stringify([await findSecret(db, refOf()), await listDataKeys(db)]);
  assert.doesNotMatch(rows, /canary/);
  assert.doesNotMatch(rows, new RegExp(Buffer.from('canary-7f3a').toString('base64url').slice(0, 12)));
});

test('a value read from the vault prints nowhere', async (t) => {
  const vault = await openVault({ db: await database(t), masterKey: newMasterKey() });
  await vault.put(refOf(), new Secret('canary-7f3a'));
  const entry = await vault.entry(refOf());
  const printed = [
    inspect(entry, { depth: 9, showHidden: true }),
    JSON.stringify(entry),
    `${entry?.value}`,
    inspect(vault),
  ];
  assert.doesNotMatch(printed.join('\n'), /canary/);
});

test('after a put and after a remove the next read sees it, and the version and id say so', async (t) => {
  const vault = await openVault({ db: await database(t), masterKey: newMasterKey() });
  const seen: (string | null)[] = [];
  const stop = vault.onChange((ref) => seen.push(ref?.name ?? null));
  assert.equal(await vault.get(refOf()), null);
  const first = await vault.put(refOf(), new Secret('one'));
  assert.equal((await vault.get(refOf()))?.reveal(), 'one');
  const second = await vault.put(refOf(), new Secret('two'));
  assert.equal((await vault.get(refOf()))?.reveal(), 'two');
  assert.deepEqual(second, { id: first.id, version: 2 });
  assert.equal(await vault.remove(refOf()), true);
  assert.equal(await vault.remove(refOf()), false);
  assert.equal(await vault.get(refOf()), null);
  const again = await vault.put(refOf(), new Secret('three'));
  assert.notEqual(again.id, first.id);
  assert.deepEqual(seen, Array(5).fill('Authorization'));
  vault.forget();
  assert.equal(seen.at(-1), null);
  stop();
  await vault.put(refOf(), new Secret('four'));
  assert.equal(seen.length, 6);
});

test('a value in memory is given at once, without a turn of the event loop', async (t) => {
  const vault = await openVault({ db: await database(t), masterKey: newMasterKey() });
  await vault.put(refOf(), new Secret('one'));
  const [a, b] = [vault.entry(refOf()), vault.entry(refOf())];
  assert.ok(a instanceof Promise);
  assert.equal(a, b, 'two reads at once are one load');
  const loaded = await a;
  assert.equal(vault.entry(refOf()), loaded);
  assert.equal(await vault.get(refOf({ name: 'none' })), null);
  assert.equal(vault.entry(refOf({ name: 'none' })), null);
});

test('a read that was under way during a put cannot bring the old value back', async (t) => {
  const vault = await openVault({ db: await database(t), masterKey: newMasterKey() });
  await vault.put(refOf(), new Secret('0'));
  for (let i = 1; i <= 200; i++) {
    const reads: Promise<unknown>[] = [];
    const put = vault.put(refOf(), new Secret(String(i)));
    for (let turn = 0; turn < i % 12; turn++) {
      reads.push(vault.get(refOf()));
      await Promise.resolve();
    }
    reads.push(vault.get(refOf()));
    await put;
    assert.equal((await vault.get(refOf()))?.reveal(), String(i));
    await Promise.all(reads);
    assert.equal((await vault.get(refOf()))?.reveal(), String(i));
  }
});

test('simultaneous puts all succeed, one after the other', async (t) => {
  const vault = await openVault({ db: await database(t), masterKey: newMasterKey() });
  const written = await Promise.all([1, 2, 3, 4, 5].map((i) => vault.put(refOf(), new Secret(String(i)))));
  assert.deepEqual(written.map((entry) => entry.version).sort(), [1, 2, 3, 4, 5]);
  const last = written.findIndex((entry) => entry.version === 5) + 1;
  assert.equal((await vault.get(refOf()))?.reveal(), String(last));
});

test('a value is replaced only while it is the one that was seen, by one of all who saw it, in whatever process', async (t) => {
  const db = await database(t);
  const masterKey = newMasterKey();
  const [vault, other] = [await openVault({ db, masterKey }), await openVault({ db, masterKey })];
  const made = await Promise.all(
    ['a', 'b', 'c'].map((text, i) => [vault, other, vault][i]!.replace(refOf(), null, new Secret(text))),
  );
  assert.equal(made.filter((version) => version !== null).length, 1, 'null expects that there is none');
  const seen = made.find((version) => version !== null)!;
  await other.get(refOf());
  const next = await Promise.all([vault, other].map((one, i) => one.replace(refOf(), seen, new Secret(`next ${i}`))));
  const winner = next.findIndex((version) => version !== null);
  assert.deepEqual(
    next.filter((version) => version !== null),
    [{ id: seen.id, version: 2 }],
  );
  assert.equal((await vault.readStored(refOf()))?.value.reveal(), `next ${winner}`);
  assert.equal(await vault.replace(refOf(), seen, new Secret('late')), null);
  assert.equal(await vault.replace(refOf(), null, new Secret('late')), null);
});

test('a value that was removed and stored again is another one, although its version is the same', async (t) => {
  const vault = await openVault({ db: await database(t), masterKey: newMasterKey() });
  const seen = await vault.put(refOf(), new Secret('one'));
  await vault.remove(refOf());
  await vault.put(refOf(), new Secret('two'));
  assert.equal(await vault.replace(refOf(), seen, new Secret('three')), null);
  assert.equal((await vault.get(refOf()))?.reveal(), 'two');
});

test('what another process wrote is read past the memory of this one, and is in no memory after that', async (t) => {
  const db = await database(t);
  const masterKey = newMasterKey();
  const [vault, other] = [await openVault({ db, masterKey }), await openVault({ db, masterKey })];
  await vault.put(refOf(), new Secret('one'));
  await vault.get(refOf());
  await other.put(refOf(), new Secret('two'));
  assert.equal((await vault.get(refOf()))?.reveal(), 'one', 'it cannot know');
  assert.equal((await vault.readStored(refOf()))?.value.reveal(), 'two');
  await other.put(refOf(), new Secret('three'));
  assert.equal((await vault.get(refOf()))?.reveal(), 'three');
});

test('an envelope that was moved to another place or set back to an older version is refused, and the caller learns nothing', async (t) => {
  const db = await database(t);
  const vault = await openVault({ db, masterKey: newMasterKey() });
  const victim = refOf({ owner: { kind: 'user', id: 'usr_victim' } });
  const attacker = refOf({ owner: { kind: 'user', id: 'usr_attacker' } });
  await vault.put(victim, new Secret('canary'));
  await vault.put(attacker, new Secret('mine'));
  const stolen = (await findSecret(db, victim))!;
  const refused = (error: unknown) =>
    error instanceof AppError &&
    error.code === 'internal' &&
    !/canary|victim|secret/.test(error.message) &&
    /was changed or moved in the database/.test(String(error.cause));

  const row = (await findSecret(db, attacker))!;
  await rekeySecret(db, attacker, row, stolen);
  vault.forget();
  await assert.rejects(vault.get(attacker), refused);

  await vault.put(victim, new Secret('renewed'));
  await updateSecret(db, victim, { id: stolen.id, version: 2 }, stolen);
  vault.forget();
  await assert.rejects(vault.get(victim), refused);

  await vault.put(attacker, new Secret('mine again'));
  assert.equal((await vault.get(attacker))?.reveal(), 'mine again', 'a new value repairs it');
});

test('a list shows what there is and no values', async (t) => {
  const vault = await openVault({ db: await database(t), masterKey: newMasterKey() });
  await vault.put(refOf({ name: 'A' }), new Secret('canary'));
  await vault.put(refOf({ name: 'B' }), new Secret('canary'));
  await vault.put(refOf({ upstream: 'jira' }), new Secret('canary'));
  const page = await vault.list({ tenantId: 'default', upstream: 'github', limit: 10 });
  assert.deepEqual(page.items.map((item) => item.name).sort(), ['A', 'B']);
  assert.doesNotMatch(JSON.stringify(page), /canary|envelope/);
});

test('what is no credential or no place is refused', async (t) => {
  const vault = await openVault({ db: await database(t), masterKey: newMasterKey() });
  await assert.rejects(vault.put(refOf(), new Secret('x'.repeat(65_537))), { code: 'unprocessable' });
  await vault.put(refOf(), new Secret('x'.repeat(65_536)));
  await assert.rejects(vault.put(refOf({ owner: { kind: 'user', id: '' } }), new Secret('x')), TypeError);
  await assert.rejects(vault.put(refOf({ owner: { kind: 'shared', id: 'usr_1' } }), new Secret('x')), TypeError);
  await assert.rejects(vault.put(refOf({ tenantId: 'nobody' }), new Secret('x')), { code: 'conflict' });
});

test('a wrong master key is found at start, and both keys are named', async (t) => {
  const db = await database(t);
  const right = newMasterKey();
  const wrong = newMasterKey();
  await (await openVault({ db, masterKey: right })).put(refOf(), new Secret('one'));
  await assert.rejects(openVault({ db, masterKey: wrong }), (error: Error) => {
    return error.message.includes(right.id) && error.message.includes(wrong.id);
  });
  await openVault({ db, masterKey: wrong, previousMasterKey: right });
});

test('values in memory are bounded', async (t) => {
  const db = await database(t);
  const vault = await openVault({ db, masterKey: newMasterKey(), cacheSize: 2 });
  for (const name of ['a', 'b', 'c']) await vault.put(refOf({ name }), new Secret(name));
  for (const name of ['a', 'b', 'c']) await vault.get(refOf({ name }));
  for (const name of ['a', 'b', 'c']) await deleteSecret(db, refOf({ name }));
  assert.equal(await vault.get(refOf({ name: 'a' })), null, 'a left memory for c');
  assert.equal((await vault.get(refOf({ name: 'c' })))?.reveal(), 'c');
});
