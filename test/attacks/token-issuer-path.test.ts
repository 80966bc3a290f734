/** Issuers that share a host: the token of one tenant must not count for another (RFC 8414 §3.3, RFC 9207). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTokenIssuer } from '../fakes/token-issuer.ts';
import { declared, openTokenBench, PUBLIC_URL } from '../token-bench.ts';

const ANN = { sub: 'ann', aud: 'gateway' };

test('`iss` is compared character by character, and leads to the keys of exactly that issuer', async (t) => {
  const [a, b] = await Promise.all([startTokenIssuer({ path: '/a' }), startTokenIssuer({ path: '/b' })]);
  t.after(() => Promise.all([a.close(), b.close()]));
  const subjects: string[] = [];
  const { outcomeOf } = await openTokenBench(t, {
    issuers: [declared(a), declared(b)],
    accountOf: async ({ issuer, subject }) => {
      subjects.push(`${subject} of ${issuer}`);
      return issuer === a.issuer ? { userId: 'usr_ann' } : null;
    },
  });
  assert.equal(await outcomeOf(await a.sign(ANN)), 'is usr_ann');
  // The same subject, of another issuer, is somebody else.
  assert.equal(await outcomeOf(await b.sign(ANN)), 'unknown_principal');
  assert.deepEqual(subjects, [`ann of ${a.issuer}`, `ann of ${b.issuer}`]);
  assert.equal(await outcomeOf(await a.sign({ ...ANN, iss: b.issuer })), 'signature');
  assert.equal(await outcomeOf(await b.sign({ ...ANN, iss: a.issuer })), 'signature');
  const { host } = new URL(a.issuer);
  for (const iss of [
    ...[`${a.issuer}/`, `${a.issuer}//`, a.issuer.slice(0, -2), `http://${host}/`, `http://${host}/A`],
    ...[`${a.issuer}?x`, `${a.issuer}#x`, `http://user@${host}/a`, `http://${host}/b/../a`, `http://${host}/%61`],
    ...[`HTTP://${host}/a`, ` ${a.issuer}`, `${a.issuer} `, `https://${host}/a`, 'a', ''],
  ]) {
    assert.equal(await outcomeOf(await a.sign({ ...ANN, iss })), 'unknown_issuer', iss);
  }
  for (const iss of [undefined, null, 7, [a.issuer], { url: a.issuer }]) {
    assert.equal(await outcomeOf(await a.sign({ ...ANN, iss })), 'claims', JSON.stringify(iss));
  }
});

test('our own issuer is as exact', async (t) => {
  const { sign, outcomeOf } = await openTokenBench(t);
  for (const iss of [`${PUBLIC_URL}/`, `${PUBLIC_URL}/t1`, PUBLIC_URL.toUpperCase(), `${PUBLIC_URL}:443`]) {
    assert.equal(await outcomeOf(await sign({ iss })), 'unknown_issuer', iss);
  }
});

test('metadata of another issuer brings no keys', async (t) => {
  const idp = await startTokenIssuer({ path: '/a' });
  t.after(() => idp.close());
  const { clock, outcomeOf } = await openTokenBench(t, {
    issuers: [declared(idp)],
    accountOf: async () => ({ userId: 'usr_ann' }),
  });
  const token = await idp.sign(ANN);
  for (const issuer of [`${idp.issuer}/`, idp.issuer.slice(0, -2), idp.issuer.replace('/a', '/b'), undefined]) {
    idp.metadata.issuer = issuer;
    assert.equal(await outcomeOf(token), 'issuer_unavailable', String(issuer));
    clock.monotonic += 30_000;
  }
  assert.ok(!idp.requests.includes('/a/jwks'));
});
