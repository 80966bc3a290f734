/** An issuer that changes its keys while calls are under way, is slow, or is down: nobody is signed out by it. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { safeFetch } from '../../src/lib/safe-fetch.ts';
import { startTokenIssuer } from '../fakes/token-issuer.ts';
import { declared, openTokenBench } from '../token-bench.ts';

const MINUTE = 60_000;

async function open(t: TestContext, timeoutMs?: number) {
  const idp = await startTokenIssuer();
  t.after(() => idp.close());
  const bench = await openTokenBench(t, {
    issuers: [declared(idp, { jwksUri: idp.jwksUri })],
    accountOf: async () => ({ userId: 'usr_ann' }),
    fetch: (url) => safeFetch(url, { reach: 'loopback-too', timeoutMs }),
  });
  let count = 0;
  const newToken = () => idp.sign({ sub: 'ann', aud: 'gateway', jti: String(++count), ...ENDS_LATE });
  return { ...bench, idp, newToken };
}

const ENDS_LATE = { exp: Math.floor(Date.now() / 1000) + 86_400 };
const GOOD = 'is usr_ann';

test('keys that are rotated under load: no good token is refused, and one request brings the new key', async (t) => {
  const { idp, clock, newToken, outcomeOf } = await open(t);
  for (let round = 0; round < 5; round++) {
    const before = await Promise.all(Array.from({ length: 20 }, newToken));
    assert.equal(await outcomeOf(before[0]!), GOOD);
    clock.monotonic += 30_000;
    const asked = idp.requests.length;
    const early = before.slice(0, 10).map((token) => outcomeOf(token));
    await idp.rotate();
    const after = await Promise.all(Array.from({ length: 20 }, newToken));
    const outcomes = [...early, ...[...before.slice(10), ...after].map((token) => outcomeOf(token))];
    assert.deepEqual([...new Set(await Promise.all(outcomes))], [GOOD]);
    assert.equal(idp.requests.length - asked, 1);
  }
});

test('a key that signs before it is published is good as soon as it is', async (t) => {
  const { idp, clock, newToken, outcomeOf } = await open(t);
  assert.equal(await outcomeOf(await newToken()), GOOD);
  clock.monotonic += 30_000;
  await idp.rotate({ publish: false });
  const token = await newToken();
  assert.equal(await outcomeOf(token), 'unknown_key');
  idp.publish();
  clock.monotonic += 30_000;
  assert.equal(await outcomeOf(token), GOOD);
});

test('a key that is withdrawn stops verifying within ten minutes', async (t) => {
  const { idp, clock, newToken, outcomeOf, verifier } = await open(t);
  const [known, fresh] = [await newToken(), await newToken()];
  assert.equal(await outcomeOf(known), GOOD);
  await idp.rotate({ keepOld: false });
  clock.monotonic += 10 * MINUTE;
  // The set is read anew beside this call, which still gets by.
  assert.equal(await outcomeOf(fresh), GOOD);
  while ((await outcomeOf(await newToken())) !== GOOD) clock.monotonic += 30_000;
  verifier.invalidateAll();
  clock.monotonic += 30_000;
  assert.equal(await outcomeOf(known), 'unknown_key');
});

for (const [what, how] of [
  ['is down', { status: 503 }],
  ['does not answer', { delayMs: 60_000 }],
] as const) {
  test(`while the issuer ${what}, its tokens stay good for an hour, without waiting for it`, async (t) => {
    const { idp, clock, newToken, outcomeOf } = await open(t);
    assert.equal(await outcomeOf(await newToken()), GOOD);
    idp.misbehave(how);
    clock.monotonic += 69 * MINUTE;
    const tokens = await Promise.all(Array.from({ length: 20 }, newToken));
    assert.deepEqual([...new Set(await Promise.all(tokens.map((token) => outcomeOf(token))))], [GOOD]);
    assert.ok(idp.requests.length <= 2, 'it is asked once, beside the calls');
  });
}

test('after that they are not verified any more, until the issuer is back', async (t) => {
  const { idp, clock, newToken, outcomeOf } = await open(t);
  assert.equal(await outcomeOf(await newToken()), GOOD);
  idp.misbehave({ status: 503 });
  clock.monotonic += 71 * MINUTE;
  const token = await newToken();
  assert.equal(await outcomeOf(token), 'issuer_unavailable');
  idp.misbehave(null);
  assert.equal(await outcomeOf(token), 'issuer_unavailable');
  assert.equal(idp.requests.length, 2);
  clock.monotonic += 30_000;
  assert.equal(await outcomeOf(token), GOOD);
});

test('an issuer that was never reached, or answers with nonsense, is asked once in 30 seconds', async (t) => {
  const { idp, clock, newToken, outcomeOf } = await open(t);
  idp.misbehave({ status: 404 });
  const tokens = await Promise.all(Array.from({ length: 20 }, newToken));
  const outcomes = await Promise.all(tokens.map((token) => outcomeOf(token)));
  assert.deepEqual([...new Set(outcomes)], ['issuer_unavailable']);
  assert.equal(idp.requests.length, 1);
  idp.misbehave(null);
  clock.monotonic += 30_000;
  assert.equal(await outcomeOf(tokens[0]!), GOOD);
});

test('a slow issuer holds up nobody else', async (t) => {
  const { idp, newToken, sign, outcomeOf } = await open(t, 300);
  idp.misbehave({ delayMs: 60_000 });
  const waiting = Array.from({ length: 40 }, async () => outcomeOf(await newToken()));
  assert.equal(await outcomeOf(await sign()), GOOD);
  assert.deepEqual([...new Set(await Promise.all(waiting))], ['issuer_unavailable']);
});
