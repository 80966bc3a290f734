/**
 * CVE-2026-23996: a comparison that takes longer the more of a secret is right gives it away bit by bit. Keys are looked up
 * by their hash, so nothing in the gateway ever compares the beginning of one with the beginning of another. Time itself
 * is too noisy for a test (`bench/key-timing.ts` measures it): this one looks at everything that is done.
 */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { StatementSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { base62 } from '../../src/lib/base62.ts';
import { openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { insertUser } from '../../src/store/users.ts';
import { mintAccessKey } from '../../src/tokens/access-key-format.ts';
import { createKey } from '../../src/tokens/create-key.ts';
import { createKeyVerifier, type KeyVerifier } from '../../src/tokens/key-verifier.ts';

const tenantId = 'default';
const ADDRESS = '192.0.2.1';
const BODY = 47;

async function oneKey(t: TestContext) {
  const db = await openDatabase({ file: ':memory:' });
  t.after(() => db.destroy());
  await migrate(db);
  await insertUser(db, { tenantId, id: 'usr_1', name: 'ann', displayName: 'Ann', createdAt: 1 });
  const owner = { kind: 'user', id: 'usr_1' } as const;
  const { secret } = await createKey(db, { tenantId, owner, name: 'key', expiresAt: null });
  return { verifier: createKeyVerifier({ db }), active: secret.reveal() };
}

/** Another key that begins like this one, with a checksum that is right. */
function beginningLike(key: string, shared: number): string {
  const body = (key.slice(0, shared) + mintAccessKey('personal').secret.reveal().slice(shared)).slice(0, BODY);
  return body + base62(BigInt(crc32(body)), 6);
}

/** Every hash, every comparison and every query while this key is verified, and how it ended. */
async function traceOf(t: TestContext, verifier: KeyVerifier, key: string): Promise<string[]> {
  const trace: string[] = [];
  const note = (what: string, sizes: readonly unknown[]): void => void trace.push(`${what} ${sizes.join(' ')}`);
  const size = (value: unknown): unknown => (value as { length?: number })?.length;
  const mocks = [
    ...(['hash', 'createHash', 'createHmac', 'timingSafeEqual'] as const).map((name) => {
      const real = crypto[name] as (...args: unknown[]) => unknown;
      return t.mock.method(crypto, name, (...args: unknown[]) => {
        note(name, args.map(size));
        return real(...args);
      });
    }),
    ...(['get', 'all', 'iterate', 'run'] as const).map((name) => {
      const real = StatementSync.prototype[name] as (...args: unknown[]) => unknown;
      return t.mock.method(StatementSync.prototype, name, function (this: StatementSync, ...args: unknown[]) {
        note(this.sourceSQL, args.map(size));
        return real.apply(this, args);
      });
    }),
  ];
  syncBuiltinESMExports();
  try {
    await verifier.verify(key, ADDRESS);
    trace.push('admitted');
  } catch (error) {
    trace.push((error as Error).message);
  } finally {
    for (const { mock } of mocks) mock.restore();
    syncBuiltinESMExports();
  }
  return trace;
}

test('a key that begins like a good one takes the same steps as one that nobody knows, however long it is the same', async (t) => {
  const { verifier, active } = await oneKey(t);
  const unknown = await traceOf(t, verifier, mintAccessKey('personal').secret.reveal());
  assert.equal(unknown.filter((step) => /^select/.test(step)).length, 1, 'one query, by the hash');
  assert.match(unknown.at(-1)!, /not valid/);
  for (const remembered of [false, true]) {
    if (remembered) await verifier.verify(active, ADDRESS);
    // More would sometimes be the good key itself.
    for (let shared = 4; shared <= BODY - 4; shared++) {
      assert.deepEqual(await traceOf(t, verifier, beginningLike(active, shared)), unknown, `${shared} characters`);
    }
  }
});

test('a key is compared by its whole hash and in constant time, in memory and when it is loaded', async (t) => {
  const { verifier, active } = await oneKey(t);
  const loaded = await traceOf(t, verifier, active);
  const remembered = await traceOf(t, verifier, active);
  const compared = (trace: readonly string[]) => trace.filter((step) => step.startsWith('timingSafeEqual'));
  assert.deepEqual(compared(loaded), ['timingSafeEqual 64 64']);
  assert.deepEqual(compared(remembered), ['timingSafeEqual 64 64']);
  assert.ok(!remembered.some((step) => /select/i.test(step)), 'and no query is made for a key in memory');
});
