import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { AppError } from '../errors/app-error.ts';
import type { Caller } from '../model/principal.ts';
import { findAccessKey, updateAccessKey } from '../store/access-keys.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { addGroupMember } from '../store/group-members.ts';
import { insertGroup } from '../store/groups.ts';
import { migrate } from '../store/migrate.ts';
import { assignRole } from '../store/role-assignments.ts';
import { insertServiceAccount, updateServiceAccount } from '../store/service-accounts.ts';
import { deleteUser, insertUser, updateUser } from '../store/users.ts';
import { mintAccessKey } from './access-key-format.ts';
import { createKey, type KeyRequest } from './create-key.ts';
import { CredentialRefusal, type RefusalReason } from './credential-refusal.ts';
import { createKeyVerifier, type KeyVerifier, type Revoked } from './key-verifier.ts';
import { revokeKey } from './revoke-key.ts';

const tenantId = 'default';
const ADDRESS = '192.0.2.1';

async function database(t: TestContext): Promise<Database> {
  const db = await openDatabase({ file: ':memory:' });
  t.after(() => db.destroy());
  await migrate(db);
  await insertUser(db, { tenantId, id: 'usr_1', name: 'ann@example.org', displayName: 'Ann', createdAt: 1 });
  await insertServiceAccount(db, { tenantId, id: 'sva_1', name: 'ci', description: '', createdAt: 1 });
  return db;
}

async function newKey(db: Database, change: Partial<KeyRequest> = {}, now?: number) {
  const owner = { kind: 'user', id: 'usr_1' } as const;
  const { key, secret } = await createKey(db, { tenantId, owner, name: 'laptop', expiresAt: null, ...change }, now);
  return { id: key.id, text: secret.reveal() };
}

async function refusalOf(verifier: KeyVerifier, key: string, address = ADDRESS): Promise<RefusalReason | 'admitted'> {
  try {
    await verifier.verify(key, address);
    return 'admitted';
  } catch (error) {
    if (!(error instanceof AppError && error.cause instanceof CredentialRefusal)) throw error;
    assert.equal(
      error.code,
      error.cause.reason === 'address_not_allowed' ? 'address_not_allowed' : 'credential_invalid',
    );
    return error.cause.reason;
  }
}

const microtasks = async (count: number) => {
  for (let i = 0; i < count; i++) await undefined;
};

test('a key says whose it is, with the roles of its owner, direct and through groups', async (t) => {
  const db = await database(t);
  await insertGroup(db, { tenantId, id: 'grp_1', name: 'eng', description: '', createdAt: 1 });
  await addGroupMember(db, { tenantId, groupId: 'grp_1', userId: 'usr_1' });
  await assignRole(db, { tenantId, role: 'zebra', subject: { kind: 'user', id: 'usr_1' } });
  await assignRole(db, { tenantId, role: 'engineer', subject: { kind: 'group', id: 'grp_1' } });
  const key = await newKey(db);
  const verifier = createKeyVerifier({ db });
  assert.deepEqual(await verifier.verify(key.text, ADDRESS), {
    tenantId,
    principal: { kind: 'user', id: 'usr_1', name: 'ann@example.org' },
    agent: { kind: 'access_key', id: key.id, name: 'laptop' },
    roles: ['engineer', 'zebra'],
  } satisfies Caller);
});

test('a key that adds limits carries them as a restriction, never as roles', async (t) => {
  const db = await database(t);
  const owner = { kind: 'service_account', id: 'sva_1' } as const;
  const key = await newKey(db, { owner, roles: ['reader', 'b', 'a'], tools: ['github__get_*'] });
  const caller = await createKeyVerifier({ db }).verify(key.text, ADDRESS);
  assert.deepEqual(caller.roles, []);
  assert.deepEqual(caller.restriction, { roles: ['a', 'b', 'reader'], tools: ['github__get_*'] });
  assert.deepEqual(caller.principal, { kind: 'service_account', id: 'sva_1', name: 'ci' });
});

test('a key in memory is verified at once, and many first calls are one load', async (t) => {
  const db = await database(t);
  const key = await newKey(db);
  const verifier = createKeyVerifier({ db });
  const calls = Array.from({ length: 50 }, () => verifier.verify(key.text, ADDRESS));
  assert.ok(calls.every((call) => call instanceof Promise));
  assert.deepEqual(verifier.stats(), { cached: 0, loading: 1 });
  const callers = await Promise.all(calls);
  assert.equal(new Set(callers).size, 1);
  assert.equal(verifier.verify(key.text, ADDRESS), callers[0]);
  assert.deepEqual(verifier.stats(), { cached: 1, loading: 0 });
});

test('every kind of invalid key gets the same public answer; the log gets the reason', async (t) => {
  const db = await database(t);
  await insertUser(db, { tenantId, id: 'usr_2', name: 'bob', displayName: 'Bob', createdAt: 1 });
  await insertUser(db, { tenantId, id: 'usr_3', name: 'eve', displayName: 'Eve', createdAt: 1 });
  const verifier = createKeyVerifier({ db });
  const revoked = await newKey(db);
  await revokeKey({ db, verifier }, { tenantId, id: revoked.id });
  const keys: [string, RefusalReason][] = [
    ['sk-random', 'malformed'],
    [mintAccessKey('personal').secret.reveal(), 'unknown'],
    [revoked.text, 'revoked'],
    [(await newKey(db, { expiresAt: 2000 }, 1000)).text, 'expired'],
    [(await newKey(db, { owner: { kind: 'user', id: 'usr_2' } })).text, 'owner_disabled'],
    [(await newKey(db, { owner: { kind: 'user', id: 'usr_3' } })).text, 'unknown'],
  ];
  await updateUser(db, { tenantId, id: 'usr_2' }, 1, { status: 'disabled' });
  await deleteUser(db, { tenantId, id: 'usr_3' });
  const publicParts = new Set<string>();
  for (const [key, reason] of keys) {
    assert.equal(await refusalOf(verifier, key), reason);
    const error = await Promise.try(() => verifier.verify(key, ADDRESS)).then(
      () => assert.fail('admitted'),
      (error: AppError) => error,
    );
    publicParts.add(JSON.stringify([error.code, error.message, error.data, error.status]));
    assert.ok(!inspect(error, { depth: 9 }).includes(key), 'no error holds the key');
  }
  assert.equal(publicParts.size, 1);
});

test('the expiry is checked at every call, to the millisecond, for a key in memory too', async (t) => {
  const db = await database(t);
  let time = 1000;
  const key = await newKey(db, { expiresAt: 2000 }, time);
  const verifier = createKeyVerifier({ db, now: () => time });
  assert.equal(await refusalOf(verifier, key.text), 'admitted');
  time = 1999;
  assert.equal(await refusalOf(verifier, key.text), 'admitted');
  time = 2000;
  assert.throws(() => verifier.verify(key.text, ADDRESS), { code: 'credential_invalid' });
  assert.equal(await refusalOf(createKeyVerifier({ db, now: () => time }), key.text), 'expired');
});

test('the network is checked at every call, for a key in memory too', async (t) => {
  const db = await database(t);
  const key = await newKey(db, { cidrs: ['10.0.0.0/8', '2001:db8::/32'] });
  const verifier = createKeyVerifier({ db });
  assert.equal(await refusalOf(verifier, key.text, '192.0.2.1'), 'address_not_allowed');
  for (const inside of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::7']) {
    assert.equal(await refusalOf(verifier, key.text, inside), 'admitted', inside);
  }
  for (const outside of ['11.1.2.3', '::ffff:11.1.2.3', '2001:db9::7', '', 'unknown', '10.1', '10.1.2.3, 192.0.2.1']) {
    assert.equal(await refusalOf(verifier, key.text, outside), 'address_not_allowed', outside);
  }
});

test('an expired or revoked key does not tell whether the network would have been right', async (t) => {
  const db = await database(t);
  const key = await newKey(db, { cidrs: ['10.0.0.0/8'], expiresAt: 2000 }, 1000);
  assert.equal(await refusalOf(createKeyVerifier({ db }), key.text, '192.0.2.1'), 'expired');
});

test('a flood of unknown keys neither stays in memory nor pushes out a good key', async (t) => {
  const db = await database(t);
  const verifier = createKeyVerifier({ db, cacheSize: 10 });
  const good = await Promise.all(Array.from({ length: 10 }, () => newKey(db)));
  for (const { text } of good) await verifier.verify(text, ADDRESS);
  for (let round = 0; round < 10; round++) {
    const flood = Array.from({ length: 1000 }, () => refusalOf(verifier, mintAccessKey('service').secret.reveal()));
    assert.ok((await Promise.all(flood)).every((reason) => reason === 'unknown'));
    assert.deepEqual(verifier.stats(), { cached: 10, loading: 0 });
  }
  for (const { text } of good) assert.ok(!(verifier.verify(text, ADDRESS) instanceof Promise));
});

test('keys that are known but refused are not kept either', async (t) => {
  const db = await database(t);
  const verifier = createKeyVerifier({ db });
  const key = await newKey(db);
  await revokeKey({ db, verifier }, { tenantId, id: key.id });
  for (let i = 0; i < 3; i++) assert.equal(await refusalOf(verifier, key.text), 'revoked');
  assert.deepEqual(verifier.stats(), { cached: 0, loading: 0 });
});

test('after revokeKey the very next call is refused, other keys of the owner still work, and the gateway is told', async (t) => {
  const db = await database(t);
  const verifier = createKeyVerifier({ db });
  const [a, b] = [await newKey(db), await newKey(db)];
  for (const { text } of [a, b]) await verifier.verify(text, ADDRESS);
  const told: Revoked[] = [];
  const stop = verifier.onRevoked((revoked) => told.push(revoked));
  await revokeKey({ db, verifier }, { tenantId, id: a.id });
  assert.equal(await refusalOf(verifier, a.text), 'revoked');
  assert.equal(await refusalOf(verifier, b.text), 'admitted');
  assert.deepEqual(told, [{ kind: 'access_key', id: a.id }]);
  stop();
  await assert.rejects(revokeKey({ db, verifier }, { tenantId, id: 'key_none' }), { code: 'not_found' });
  await assert.rejects(revokeKey({ db, verifier }, { tenantId: 'other', id: b.id }), { code: 'not_found' });
});

test('after a principal is disabled the very next call with any of its keys is refused; enabling lets them in again', async (t) => {
  const db = await database(t);
  const verifier = createKeyVerifier({ db });
  const owner = { kind: 'service_account', id: 'sva_1' } as const;
  const [a, b, other] = [await newKey(db, { owner }), await newKey(db, { owner }), await newKey(db)];
  for (const { text } of [a, b, other]) await verifier.verify(text, ADDRESS);
  const told: Revoked[] = [];
  verifier.onRevoked((revoked) => told.push(revoked));
  await updateServiceAccount(db, { tenantId, id: 'sva_1' }, 1, { status: 'disabled' });
  verifier.revokePrincipal('sva_1');
  assert.deepEqual(told, [{ kind: 'principal', id: 'sva_1' }]);
  assert.equal(await refusalOf(verifier, a.text), 'owner_disabled');
  assert.equal(await refusalOf(verifier, b.text), 'owner_disabled');
  assert.ok(!(verifier.verify(other.text, ADDRESS) instanceof Promise), 'nobody else is affected');
  await updateServiceAccount(db, { tenantId, id: 'sva_1' }, 2, { status: 'active' });
  verifier.invalidatePrincipal('sva_1');
  assert.equal(await refusalOf(verifier, a.text), 'admitted');
});

test('changed roles, limits and groups count from the next call on, without ending anything', async (t) => {
  const db = await database(t);
  const verifier = createKeyVerifier({ db });
  verifier.onRevoked(() => assert.fail('nothing was revoked'));
  const key = await newKey(db);
  const subject = { kind: 'user', id: 'usr_1' } as const;
  const caller = () => verifier.verify(key.text, ADDRESS);
  assert.deepEqual((await caller()).roles, []);
  await assignRole(db, { tenantId, role: 'engineer', subject });
  verifier.invalidatePrincipal('usr_1');
  assert.deepEqual((await caller()).roles, ['engineer']);
  const { version } = (await findAccessKey(db, { tenantId, id: key.id }))!;
  await updateAccessKey(db, { tenantId, id: key.id }, version, { tools: ['a__*'] });
  verifier.invalidateKey(key.id);
  assert.deepEqual((await caller()).restriction, { roles: [], tools: ['a__*'] });
  await assignRole(db, { tenantId, role: 'auditor', subject });
  verifier.invalidateAll();
  assert.deepEqual((await caller()).roles, ['auditor', 'engineer']);
});

test('a load that was under way during a revocation does not bring the key back, whenever it began', async (t) => {
  const db = await database(t);
  const verifier = createKeyVerifier({ db });
  for (let offset = -30; offset <= 60; offset++) {
    const key = await newKey(db);
    const revoke = () => revokeKey({ db, verifier }, { tenantId, id: key.id });
    if (offset < 0) {
      const revoking = revoke();
      await microtasks(-offset);
      await Promise.all([revoking, refusalOf(verifier, key.text)]);
    } else {
      const cold = refusalOf(verifier, key.text);
      await microtasks(offset);
      await Promise.all([revoke(), cold]);
    }
    assert.equal(await refusalOf(verifier, key.text), 'revoked', `offset ${offset}`);
  }
  assert.deepEqual(verifier.stats(), { cached: 0, loading: 0 });
});

test('a load that was under way while its owner was disabled does not bring the keys back', async (t) => {
  const db = await database(t);
  const verifier = createKeyVerifier({ db });
  for (const drop of ['revokePrincipal', 'invalidatePrincipal', 'invalidateAll'] as const) {
    for (let offset = 0; offset <= 60; offset++) {
      const id = `usr_${drop}_${offset}`;
      await insertUser(db, { tenantId, id, name: id, displayName: id, createdAt: 1 });
      const key = await newKey(db, { owner: { kind: 'user', id } });
      const cold = refusalOf(verifier, key.text);
      await microtasks(offset);
      await updateUser(db, { tenantId, id }, 1, { status: 'disabled' });
      verifier[drop](id);
      await cold;
      assert.equal(await refusalOf(verifier, key.text), 'owner_disabled', `${drop} ${offset}`);
    }
  }
});

test('a call that is waiting for its key while that changes gets the changed state', async (t) => {
  const db = await database(t);
  const verifier = createKeyVerifier({ db });
  const key = await newKey(db);
  let outdated = 0;
  for (let offset = 0; offset < 150; offset++) {
    verifier.invalidateAll();
    let changed = false;
    const call = Promise.resolve(verifier.verify(key.text, ADDRESS)).then((caller) => ({ caller, after: changed }));
    await microtasks(offset);
    changed = true;
    verifier.invalidateKey(key.id);
    const { caller, after } = await call;
    // Nobody else verifies here: what is in memory now is what the load after the change put there.
    if (after && verifier.verify(key.text, ADDRESS) !== caller) outdated++;
  }
  assert.ok(outdated <= 1, `${outdated}: only the turn between the admission and the awaiting code may be missed`);
});

test('calling again until the answer comes at once misses no revocation', async (t) => {
  const db = await database(t);
  const verifier = createKeyVerifier({ db });
  const key = await newKey(db);
  for (let offset = 0; offset < 150; offset++) {
    verifier.invalidateAll();
    let changed = false;
    const call = (async () => {
      let caller = verifier.verify(key.text, ADDRESS);
      while (caller instanceof Promise) {
        await caller;
        caller = verifier.verify(key.text, ADDRESS);
      }
      return { caller, after: changed };
    })();
    await microtasks(offset);
    changed = true;
    verifier.invalidateKey(key.id);
    const { caller, after } = await call;
    if (after) assert.equal(verifier.verify(key.text, ADDRESS), caller);
  }
});

test('what another process changed is seen after maxAgeMs', async (t) => {
  const db = await database(t);
  const key = await newKey(db);
  const verifier = createKeyVerifier({ db, maxAgeMs: 0 });
  assert.equal(await refusalOf(verifier, key.text), 'admitted');
  await updateUser(db, { tenantId, id: 'usr_1' }, 1, { status: 'disabled' });
  assert.equal(await refusalOf(verifier, key.text), 'owner_disabled');
});

test('a database that fails refuses new keys as an error, and serves those in memory', async (t) => {
  const db = await database(t);
  const [warm, cold] = [await newKey(db), await newKey(db)];
  const verifier = createKeyVerifier({ db });
  await verifier.verify(warm.text, ADDRESS);
  await db.destroy();
  assert.equal(await refusalOf(verifier, warm.text), 'admitted');
  await assert.rejects(async () => verifier.verify(cold.text, ADDRESS));
  assert.equal(verifier.stats().loading, 0);
});

test('last use is written in one go, only for keys that were used since the last time', async (t) => {
  const db = await database(t);
  let time = 5_000;
  const [a, b] = [await newKey(db), await newKey(db)];
  const verifier = createKeyVerifier({ db, now: () => time });
  const lastUsed = async (id: string) => (await findAccessKey(db, { tenantId, id }))?.lastUsedAt;
  for (let i = 0; i < 10; i++) await verifier.verify(a.text, ADDRESS);
  assert.equal(await lastUsed(a.id), null);
  await verifier.flushLastUsed();
  assert.deepEqual([await lastUsed(a.id), await lastUsed(b.id)], [5_000, null]);
  time = 9_000;
  await verifier.flushLastUsed();
  assert.equal(await lastUsed(a.id), 5_000);
  await verifier.verify(b.text, ADDRESS);
  await verifier.verify(a.text, ADDRESS);
  await verifier.flushLastUsed();
  assert.deepEqual([await lastUsed(a.id), await lastUsed(b.id)], [9_000, 9_000]);
});

test('a refused call is no use of the key', async (t) => {
  const db = await database(t);
  const key = await newKey(db, { cidrs: ['10.0.0.0/8'] });
  const verifier = createKeyVerifier({ db });
  await refusalOf(verifier, key.text);
  await verifier.flushLastUsed();
  assert.equal((await findAccessKey(db, { tenantId, id: key.id }))?.lastUsedAt, null);
});

test('a caller cannot be changed by one request for the next', async (t) => {
  const db = await database(t);
  const key = await newKey(db);
  const caller = await createKeyVerifier({ db }).verify(key.text, ADDRESS);
  assert.throws(() => Object.assign(caller, { tenantId: 'other' }), TypeError);
});
