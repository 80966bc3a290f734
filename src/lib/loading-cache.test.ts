import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLoadingCache } from './loading-cache.ts';

const never = () => assert.fail('nothing should be loaded');

test('many who ask at once share one load, and later ones get the value at once', async () => {
  const cache = createLoadingCache<number>(2);
  let loads = 0;
  const load = async () => ++loads;
  assert.deepEqual(await Promise.all([cache.get('a', load), cache.get('a', load)]), [1, 1]);
  assert.equal(cache.get('a', never), 1);
});

test('null is a value', async () => {
  const cache = createLoadingCache<null>(2);
  await cache.get('a', async () => null);
  assert.equal(cache.get('a', never), null);
});

for (const forget of ['delete', 'clear'] as const) {
  test(`a load that was under way at ${forget} answers its own callers and nobody else`, async () => {
    const cache = createLoadingCache<string>(2);
    const { promise, resolve } = Promise.withResolvers<string>();
    const before = cache.get('a', () => promise);
    cache[forget]('a');
    const after = cache.get('a', async () => 'new');
    assert.equal(await after, 'new');
    resolve('old');
    assert.equal(await before, 'old');
    assert.equal(cache.get('a', never), 'new');
  });
}

test('a load that failed after a delete does not disturb the one that followed it', async () => {
  const cache = createLoadingCache<string>(2);
  const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const failed = cache.get('a', () => first.promise);
  cache.delete('a');
  const following = cache.get('a', () => second.promise);
  first.reject(new Error('gone'));
  await assert.rejects(async () => failed, /gone/);
  assert.equal(cache.get('a', never), following);
  second.resolve('value');
  assert.equal(await following, 'value');
});

test('a failure is not remembered', async () => {
  const cache = createLoadingCache<string>(2);
  const failing = async () => cache.get('a', () => Promise.reject(new Error('down')));
  await assert.rejects(failing, /down/);
  assert.equal(await cache.get('a', async () => 'up'), 'up');
});
