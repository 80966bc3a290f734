/** CVE-2026-35039, for access tokens: they begin alike and are long, which invites knowing them by a part. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { insertUser } from '../../src/store/users.ts';
import { openTokenBench, RESOURCE, tenantId } from '../token-bench.ts';

const TOKENS = 300;
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

test('100,000 pairs of tokens, side by side and spliced into each other: everybody is always who they are', async (t) => {
  // Smaller than the number of tokens: hits, loads, shared loads and evictions all happen.
  const { db, verifier, sign, newGrant } = await openTokenBench(t, { cacheSize: TOKENS - 4 });
  const owners = new Map<string, string>();
  for (let i = 0; i < TOKENS; i++) {
    const id = `usr_${String(i).padStart(4, '0')}`;
    await insertUser(db, { tenantId, id, name: id, displayName: id, createdAt: 1 });
    owners.set(await sign({ sub: id, grant_id: await newGrant(id), jti: 'same' }), id);
  }
  const tokens = [...owners.keys()];
  const random = randomNumbers(20_260_728);
  const presented = { resource: RESOURCE, wide: false };
  let spliced = 0;

  async function check(token: string): Promise<void> {
    const owner = owners.get(token);
    try {
      const caller = await verifier.verify(token, presented);
      assert.equal(caller.principal.id, owner);
    } catch (error) {
      if (owner !== undefined) throw error;
      spliced++;
      assert.equal((error as { code?: string }).code, 'credential_invalid');
    }
  }

  for (let done = 0; done < PAIRS; done += 50) {
    const batch: Promise<void>[] = [];
    for (let i = 0; i < 50; i++) {
      const [a, b] = [tokens[random(TOKENS)]!, tokens[random(TOKENS)]!];
      batch.push(check(a), check(b));
      if (i === 0) {
        const at = random(a.length);
        batch.push(check(a.slice(0, at) + b.slice(at)));
      }
    }
    await Promise.all(batch);
  }
  assert.ok(spliced > 1000, `${spliced} spliced tokens were refused`);
});
