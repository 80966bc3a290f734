import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller } from '../model/principal.ts';
import { type CachedCredential, createCredentialCache } from './credential-cache.ts';

const entryOf = (id: string): CachedCredential => {
  const caller: Caller = {
    tenantId: 'default',
    principal: { kind: 'user', id: `usr_${id}`, name: id },
    agent: { kind: 'oauth_client', id: `client-${id}`, name: id },
    roles: [],
    grant: { id: `grt_${id}`, scopes: [], resource: '' },
  };
  return { caller, stale: false };
};

async function filled(capacity: number, ids: string) {
  const cache = createCredentialCache(capacity, 60_000);
  for (const id of ids) await cache.load(id, async () => entryOf(id));
  return cache;
}

const kept = (cache: { get(hash: string): unknown }, ids: string): string =>
  [...ids].filter((id) => cache.get(id) !== undefined).join('');

test('the oldest that is not used leaves first', async () => {
  const cache = await filled(3, 'abc');
  cache.get('a');
  await cache.load('d', async () => entryOf('d'));
  assert.equal(kept(cache, 'abcd'), 'acd');
});

test('a newcomer stays, also where all others are in use', async () => {
  const cache = await filled(3, 'abc');
  assert.equal(kept(cache, 'abc'), 'abc');
  await cache.load('d', async () => entryOf('d'));
  assert.equal(cache.stats().cached, 3);
  assert.equal(kept(cache, 'abcd'), 'bcd');
});

test('the memory does not grow, whatever comes', async () => {
  const cache = await filled(2, 'abcabcddeeaf');
  assert.deepEqual(cache.stats(), { cached: 2, loading: 0 });
  const single = await filled(1, 'ab');
  assert.equal(kept(single, 'ab'), 'b');
});

for (const id of ['usr_b', 'client-b', 'grt_b']) {
  test(`${id} drops what it names and nothing else`, async () => {
    const cache = await filled(9, 'abc');
    const dropped = cache.get('b')!;
    cache.drop(id);
    assert.equal(kept(cache, 'abc'), 'ac');
    assert.equal(dropped.stale, true);
    cache.dropAll();
    assert.equal(kept(cache, 'abc'), '');
  });
}

test('what changes while it is loaded is read again, what was refused meanwhile, too', async () => {
  const cache = createCredentialCache(9, 60_000);
  let reads = 0;
  const entry = await cache.load('a', async () => {
    await Promise.resolve();
    if (++reads === 1) cache.drop('usr_a');
    if (reads === 2) {
      cache.drop('anything');
      throw new Error('refused');
    }
    return entryOf('a');
  });
  assert.deepEqual([reads, entry.stale], [3, false]);
  await assert.rejects(
    cache.load('b', () => Promise.reject(new Error('refused'))),
    /refused/,
  );
  assert.deepEqual(cache.stats(), { cached: 1, loading: 0 });
});
