import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { jwtVerify, SignJWT } from 'jose';
import { type Database, openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { parseMasterKey } from '../vault/master-key.ts';
import { openVault } from '../vault/vault.ts';
import { openSigningKeys, type SigningKeys } from './signing-keys.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function open(t: TestContext) {
  const db = await openDatabase({ file: ':memory:' });
  t.after(() => db.destroy());
  await migrate(db);
  const masterKey = parseMasterKey(randomBytes(32).toString('base64'), 'the test');
  const clock = { now: 1_790_000_000_000 };
  const vault = await openVault({ db, masterKey });
  /** Another process on the same database has a vault of its own. */
  const replica = async () => openSigningKeys({ db, vault: await openVault({ db, masterKey }), now: () => clock.now });
  return { db, vault, clock, replica, keys: await openSigningKeys({ db, vault, now: () => clock.now }) };
}

const secretsIn = async (db: Database): Promise<number> =>
  (await db.selectFrom('secrets').select('id').execute()).length;

async function sign(keys: SigningKeys): Promise<string> {
  const { kid, privateKey } = keys.active();
  return new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
}

const verifies = (keys: SigningKeys, token: string): Promise<boolean> =>
  jwtVerify(token, ({ kid }) => keys.publicKey(kid!) ?? Promise.reject(new Error('unknown'))).then(
    () => true,
    () => false,
  );

const kids = (keys: SigningKeys) => keys.privateJwks().map(({ kid }) => kid);

test('the first start makes a key, and every later one finds it', async (t) => {
  const { keys, replica } = await open(t);
  const token = await sign(keys);
  const other = await replica();
  assert.equal(other.active().kid, keys.active().kid);
  assert.equal(await verifies(other, token), true);
  assert.equal(await verifies(keys, await sign(other)), true);
});

test('several processes that start at once have one key, and leave no other secret behind', async (t) => {
  const { db, replica } = await open(t);
  await db.deleteFrom('signing_keys').execute();
  await db.deleteFrom('secrets').execute();
  const replicas = await Promise.all([replica(), replica(), replica(), replica()]);
  assert.equal(new Set(replicas.map((keys) => keys.active().kid)).size, 1);
  assert.equal(await secretsIn(db), 1);
});

test('what is published holds no private part', async (t) => {
  const { keys } = await open(t);
  await keys.rotate();
  const { keys: published } = keys.publicJwks();
  assert.equal(published.length, 2);
  for (const { kid, alg, use, ...key } of published) {
    assert.deepEqual(Object.keys(key).sort(), ['crv', 'kty', 'x', 'y']);
    assert.deepEqual([alg, use, typeof kid], ['ES256', 'sig', 'string']);
  }
  assert.ok(keys.privateJwks().every(({ d }) => d !== undefined));
});

test('a rotation by command takes effect at once, says so, and no token of before is refused', async (t) => {
  const { keys, replica, db, clock } = await open(t);
  const other = await replica();
  const old = await sign(keys);
  const told: string[] = [];
  const stop = keys.onRotated(() => told.push('keys'));
  other.onRotated(() => told.push('other'));
  await keys.rotate();
  const [active, ...rest] = kids(keys);
  assert.equal(keys.active().kid, active);
  assert.equal(rest.length, 1);
  assert.equal(await verifies(keys, old), true);
  await other.tick();
  assert.deepEqual(kids(other), kids(keys));
  assert.deepEqual([...new Set(told)].sort(), ['keys', 'other']);
  stop();
  told.length = 0;
  await Promise.all([keys.rotate(), other.rotate()]);
  // Each saw the other's rotation or will: whoever meets an unknown key reads anew first.
  await Promise.all([keys.tick(), other.tick()]);
  assert.equal(await verifies(other, await sign(keys)), true);
  assert.ok(!told.includes('keys'));
  // An access token lives an hour at most.
  clock.now += HOUR + 60_000;
  await keys.tick();
  assert.equal(await verifies(keys, old), true);
  clock.now += HOUR;
  await keys.tick();
  assert.equal(await verifies(keys, old), false);
  assert.deepEqual([kids(keys).length, await secretsIn(db)], [1, 1]);
});

test('on schedule a key is published a day before it signs, and removed after its last token', async (t) => {
  const { keys, clock } = await open(t);
  const first = keys.active().kid;
  clock.now += 89 * DAY - 1;
  await keys.tick();
  assert.deepEqual(kids(keys), [first]);
  clock.now += 1;
  await keys.tick();
  const [, second] = kids(keys);
  assert.deepEqual(kids(keys), [first, second]);
  clock.now += DAY - 1;
  await keys.tick();
  assert.equal(keys.active().kid, first);
  clock.now += 1;
  await keys.tick();
  assert.deepEqual(kids(keys), [second, first]);
  clock.now += 3 * HOUR;
  await keys.tick();
  assert.deepEqual(kids(keys), [second]);
});

test('after months without a tick, the new key is still published for a day before it signs', async (t) => {
  const { keys, clock } = await open(t);
  const first = keys.active().kid;
  clock.now += 400 * DAY;
  await keys.tick();
  clock.now += DAY - 1;
  await keys.tick();
  assert.equal(keys.active().kid, first);
  clock.now += 1;
  await keys.tick();
  assert.notEqual(keys.active().kid, first);
});

test('a private part that the vault lost stops the start with what to do', async (t) => {
  const { db, replica } = await open(t);
  await db.deleteFrom('secrets').execute();
  await assert.rejects(replica(), /signing key .* Restore both/s);
});
