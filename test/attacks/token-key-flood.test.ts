/** Tokens with made-up key ids, each of which could make the gateway ask the issuer for its keys again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTokenIssuer } from '../fakes/token-issuer.ts';
import { declared, openTokenBench } from '../token-bench.ts';

const TOKENS = 10_000;

test('10,000 unknown keys cost the issuer one request in 30 seconds, and nobody else is held up', async (t) => {
  const idp = await startTokenIssuer();
  t.after(() => idp.close());
  const { clock, verifier, outcomeOf } = await openTokenBench(t, {
    issuers: [declared(idp, { jwksUri: idp.jwksUri })],
    accountOf: async () => ({ userId: 'usr_ann' }),
  });
  const good = await idp.sign({ sub: 'ann', aud: 'gateway' });
  const later = await idp.sign({ sub: 'ann', aud: 'gateway', jti: 'later' });
  assert.equal(await outcomeOf(good), 'is usr_ann');
  clock.monotonic += 30_000;
  const asked = idp.requests.length;

  const [, payload, signature] = good.split('.');
  const flood = Array.from({ length: TOKENS }, (_, index) => {
    const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'JWT', kid: `made-up-${index}` }));
    return outcomeOf(`${header.toString('base64url')}.${payload}.${signature}`);
  });
  const amidst = outcomeOf(later);
  const outcomes = new Map<string, number>();
  for (const outcome of await Promise.all(flood)) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  assert.equal(await amidst, 'is usr_ann');
  assert.equal(idp.requests.length - asked, 1);
  // Those who waited for the request know; the others are told to ask again, since a key may be newer than it.
  assert.deepEqual([...outcomes.keys()].sort(), ['issuer_unavailable', 'unknown_key']);
  assert.deepEqual(verifier.stats(), { cached: 2, loading: 0 });

  clock.monotonic += 29_999;
  assert.equal(await outcomeOf(`${good.slice(0, -4)}AAAA`), 'signature');
  assert.equal(idp.requests.length - asked, 1);
  await idp.rotate();
  const rotated = await idp.sign({ sub: 'ann', aud: 'gateway' });
  assert.equal(await outcomeOf(rotated), 'issuer_unavailable', 'not refused for good: the client keeps it');
  clock.monotonic += 1;
  assert.equal(await outcomeOf(rotated), 'is usr_ann');
  assert.equal(idp.requests.length - asked, 2);
});
