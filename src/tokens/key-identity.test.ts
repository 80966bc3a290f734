import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { base62 } from '../lib/base62.ts';
import { openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { transact } from '../store/transact.ts';
import { insertUser } from '../store/users.ts';
import { createKey } from './create-key.ts';
import { createKeyVerifier } from './key-verifier.ts';

const tenantId = 'default';
const KEYS = 400;
const PAIRS = 100_000;

/** Deterministic, so that a failure can be repeated (mulberry32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** The beginning of one key and the end of another, with a checksum that is right. */
function spliceKeys(a: string, b: string, at: number): string {
  const body = a.slice(0, at) + b.slice(at, -6);
  return body + base62(BigInt(crc32(body)), 6);
}

test('100,000 pairs of keys, side by side and spliced into each other: everybody is always who they are', async (t) => {
  const db = await openDatabase({ file: ':memory:' });
  t.after(() => db.destroy());
  await migrate(db);
  const owners = new Map<string, { user: string; key: string }>();
  await transact(db, async (trx) => {
    for (let i = 0; i < KEYS; i++) {
      const user = `usr_${i}`;
      await insertUser(trx, { tenantId, id: user, name: user, displayName: user, createdAt: 1 });
      const { key, secret } = await createKey(trx, {
        tenantId,
        owner: { kind: 'user', id: user },
        name: `key of ${user}`,
        expiresAt: null,
      });
      owners.set(secret.reveal(), { user, key: key.id });
    }
  });
  const keys = [...owners.keys()];
  // Smaller than the number of keys: hits, loads, shared loads and evictions all happen.
  const verifier = createKeyVerifier({ db, cacheSize: KEYS - 40 });
  const random = randomNumbers(20_260_728);
  let spliced = 0;

  async function check(text: string): Promise<void> {
    const expected = owners.get(text);
    try {
      const caller = await verifier.verify(text, '192.0.2.1');
      assert.deepEqual({ user: caller.principal.id, key: caller.agent.id }, expected);
      assert.equal(caller.principal.name, expected?.user);
    } catch (error) {
      if (expected || (error as { code?: string }).code !== 'credential_invalid') throw error;
      spliced++;
    }
  }

  for (let pair = 0; pair < PAIRS; pair++) {
    const [a, b] = [keys[random(KEYS)]!, keys[random(KEYS)]!];
    const checks = [check(a), check(b)];
    if (pair % 8 === 0) checks.push(check(spliceKeys(a, b, random(48))));
    await Promise.all(checks);
  }
  assert.ok(spliced > 10_000, `${spliced} spliced keys were refused`);
});
