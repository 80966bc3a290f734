import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { findAccessKey } from '../store/access-keys.ts';
import { openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { insertServiceAccount } from '../store/service-accounts.ts';
import { insertUser } from '../store/users.ts';
import { createKey, type KeyRequest } from './create-key.ts';
import { createKeyVerifier } from './key-verifier.ts';
import { revokeKey } from './revoke-key.ts';
import { rotateKey } from './rotate-key.ts';

const tenantId = 'default';
const DAY = 24 * 60 * 60 * 1000;
const request: KeyRequest = { tenantId, owner: { kind: 'user', id: 'usr_1' }, name: 'laptop', expiresAt: null };

async function setUp(t: TestContext) {
  const db = await openDatabase({ file: ':memory:' });
  t.after(() => db.destroy());
  await migrate(db);
  await insertUser(db, { tenantId, id: 'usr_1', name: 'ann', displayName: 'Ann', createdAt: 1 });
  await insertServiceAccount(db, { tenantId, id: 'sva_1', name: 'ci', description: '', createdAt: 1 });
  const clock = { now: 1_000_000 };
  const verifier = createKeyVerifier({ db, now: () => clock.now });
  const works = async (text: string) => {
    try {
      await verifier.verify(text, '10.0.0.1');
      return true;
    } catch {
      return false;
    }
  };
  return { db, clock, verifier, works };
}

test('a user gets a personal key and a service account a service key; limits are kept in canonical form', async (t) => {
  const { db } = await setUp(t);
  const personal = await createKey(db, { ...request, name: ' laptop ', cidrs: ['::ffff:10.0.0.0/104', '10.0.0.0/8'] });
  assert.equal(personal.key.kind, 'personal');
  assert.equal(personal.key.name, 'laptop');
  assert.match(personal.secret.reveal(), /^tgp_/);
  assert.deepEqual(personal.key.cidrs, ['10.0.0.0/8']);
  const service = await createKey(db, {
    ...request,
    owner: { kind: 'service_account', id: 'sva_1' },
    tools: ['a__*', 'a__*'],
    roles: ['r', 'r'],
  });
  assert.equal(service.key.kind, 'service');
  assert.match(service.secret.reveal(), /^tgs_/);
  assert.deepEqual([service.key.tools, service.key.roles], [['a__*'], ['r']]);
  const stored = JSON.stringify(await findAccessKey(db, { tenantId, id: service.key.id }));
  assert.ok(!stored.includes(service.secret.reveal().slice(0, 12)), 'the key itself is nowhere');
});

test('limits that make no sense are refused, with what to write instead', async (t) => {
  const { db } = await setUp(t);
  const refused: [Partial<KeyRequest>, RegExp][] = [
    [{ name: ' ' }, /1 to 100/],
    [{ name: 'x'.repeat(101) }, /1 to 100/],
    [{ name: 'a\u202eb' }, /printable/],
    [{ name: 'a\nb' }, /printable/],
    [{ expiresAt: 999 }, /in the past/],
    [{ expiresAt: 1000 }, /in the past/],
    [{ expiresAt: 1500.5 }, /whole number/],
    [{ expiresAt: Number.NaN }, /whole number/],
    [{ cidrs: ['10.1.2.3/8'] }, /you may mean 10\.0\.0\.0\/8/],
    [{ cidrs: Array(101).fill('10.0.0.0/8') }, /at most 100/],
    [{ tools: [''] }, /glob/],
    [{ tools: ['a b'] }, /glob/],
    [{ tools: ['x'.repeat(257)] }, /glob/],
  ];
  for (const [change, message] of refused) {
    await assert.rejects(createKey(db, { ...request, ...change }, 1000), { code: 'unprocessable', message });
  }
  await assert.rejects(createKey(db, { ...request, owner: { kind: 'user', id: 'usr_9' } }), { code: 'not_found' });
  await assert.rejects(createKey(db, { ...request, tenantId: 'other' }), { code: 'not_found' });
});

test('after a rotation both keys work during the overlap, then only the successor', async (t) => {
  const { db, clock, verifier, works } = await setUp(t);
  const limits = { cidrs: ['10.0.0.0/8'], tools: ['a__*'], roles: ['reader'] };
  const old = await createKey(db, { ...request, ...limits, expiresAt: clock.now + 90 * DAY }, clock.now);
  assert.ok(await works(old.secret.reveal()));
  clock.now += 30 * DAY;
  const next = await rotateKey({ db, verifier }, { tenantId, id: old.key.id }, { overlapMs: DAY }, clock.now);
  assert.equal(next.rotated.successorId, next.key.id);
  assert.equal(next.rotated.expiresAt, clock.now + DAY);
  assert.equal(next.key.expiresAt, clock.now + 90 * DAY, 'the same lifetime again');
  const { name, owner, cidrs, tools, roles } = next.key;
  assert.deepEqual({ name, owner, cidrs, tools, roles }, { name: 'laptop', owner: old.key.owner, ...limits });
  assert.deepEqual([await works(old.secret.reveal()), await works(next.secret.reveal())], [true, true]);
  clock.now += DAY;
  assert.deepEqual([await works(old.secret.reveal()), await works(next.secret.reveal())], [false, true]);
});

test('without an overlap the old key ends at once, though it was in memory', async (t) => {
  const { db, clock, verifier, works } = await setUp(t);
  const old = await createKey(db, request, clock.now);
  assert.ok(await works(old.secret.reveal()));
  await rotateKey({ db, verifier }, { tenantId, id: old.key.id }, { overlapMs: 0 }, clock.now);
  assert.equal(await works(old.secret.reveal()), false);
});

test('a rotation never lets a key live longer than it would have', async (t) => {
  const { db, clock, verifier } = await setUp(t);
  const old = await createKey(db, { ...request, expiresAt: clock.now + 1000 }, clock.now);
  const next = await rotateKey({ db, verifier }, { tenantId, id: old.key.id }, { overlapMs: DAY }, clock.now);
  assert.equal(next.rotated.expiresAt, clock.now + 1000);
});

test('the successor may get its own expiry, or none', async (t) => {
  const { db, clock, verifier } = await setUp(t);
  const first = await createKey(db, { ...request, expiresAt: clock.now + DAY }, clock.now);
  const context = { db, verifier };
  const second = await rotateKey(context, { tenantId, id: first.key.id }, { overlapMs: 0, expiresAt: null }, clock.now);
  assert.equal(second.key.expiresAt, null);
  const third = await rotateKey(context, { tenantId, id: second.key.id }, { overlapMs: 0 }, clock.now);
  assert.equal(third.key.expiresAt, null);
});

test('a key is rotated once, and a dead key not at all', async (t) => {
  const { db, clock, verifier } = await setUp(t);
  const context = { db, verifier };
  const make = async (expiresAt: number | null = null) => {
    const { key } = await createKey(db, { ...request, expiresAt }, clock.now);
    return { tenantId, id: key.id };
  };
  const rotated = await make();
  const results = await Promise.allSettled(
    [1, 2, 3].map(() => rotateKey(context, rotated, { overlapMs: DAY }, clock.now)),
  );
  assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
  await assert.rejects(rotateKey(context, rotated, { overlapMs: DAY }, clock.now), { code: 'conflict' });

  const revoked = await make();
  await revokeKey(context, revoked, clock.now);
  await assert.rejects(rotateKey(context, revoked, { overlapMs: 0 }, clock.now), { code: 'unprocessable' });
  const expired = await make(clock.now + 1);
  await assert.rejects(rotateKey(context, expired, { overlapMs: 0 }, clock.now + 1), { code: 'unprocessable' });
  await assert.rejects(rotateKey(context, { tenantId, id: 'key_0' }, { overlapMs: 0 }), { code: 'not_found' });
  for (const overlapMs of [-1, 0.5, Number.NaN, 31 * DAY]) {
    await assert.rejects(rotateKey(context, await make(), { overlapMs }), { code: 'unprocessable' });
  }
});

test('revoking the old key ends the overlap and leaves the successor', async (t) => {
  const { db, clock, verifier, works } = await setUp(t);
  const old = await createKey(db, request, clock.now);
  const next = await rotateKey({ db, verifier }, { tenantId, id: old.key.id }, { overlapMs: DAY }, clock.now);
  const first = await revokeKey({ db, verifier }, { tenantId, id: old.key.id }, clock.now);
  assert.deepEqual([await works(old.secret.reveal()), await works(next.secret.reveal())], [false, true]);
  const again = await revokeKey({ db, verifier }, { tenantId, id: old.key.id }, clock.now + 5);
  assert.equal(again.revokedAt, first.revokedAt);
});
