import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isPublicAddress } from './public-addresses.ts';
import { asFetch, safeFetch } from './safe-fetch.ts';

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const reach = 'loopback-too';

test('an answer comes with its status, headers and text', async (t) => {
  const url = await serve(t, (req, res) => {
    res.writeHead(404, { 'x-method': req.method, 'x-encoding': req.headers['accept-encoding'], etag: '"1"' });
    req.pipe(res);
  });
  const answer = await safeFetch(`${url}/a?b=c`, {
    reach,
    method: 'POST',
    headers: { 'Accept-Encoding': 'gzip', 'content-type': 'text/plain' },
    body: 'grüße',
  });
  assert.equal(answer.status, 404);
  assert.equal(answer.text, 'grüße');
  assert.deepEqual(
    ['x-method', 'x-encoding', 'etag'].map((name) => answer.headers.get(name)),
    ['POST', 'identity', '"1"'],
  );
});

test('a body is read up to its limit, announced or not', async (t) => {
  const url = await serve(t, (_, res) => {
    res.write('x'.repeat(600));
    res.end('x'.repeat(400));
  });
  assert.equal((await safeFetch(url, { reach, maxBytes: 1000 })).text.length, 1000);
  await assert.rejects(safeFetch(url, { reach, maxBytes: 999 }), { code: 'too_large' });
});

test('a compressed body is refused', async (t) => {
  const url = await serve(t, (_, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{}')));
  await assert.rejects(safeFetch(url, { reach }), { code: 'encoded' });
});

test('the time limit holds for the name, the headers and the body', async (t) => {
  const url = await serve(t, (req, res) => {
    if (req.url === '/body') res.write('{');
  });
  const limits = { reach, timeoutMs: 50 } as const;
  await assert.rejects(safeFetch(`${url}/headers`, limits), { code: 'timeout' });
  await assert.rejects(safeFetch(`${url}/body`, limits), { code: 'timeout' });
  await assert.rejects(safeFetch('https://slow.example/', { ...limits, lookup: () => {} }), { code: 'timeout' });
});

test('what cannot be reached says so, with the cause for the log', async (t) => {
  const url = await serve(t, (_, res) => res.end());
  await assert.rejects(safeFetch(url.replace('http:', 'https:'), { reach }), { code: 'unreachable' });
});

test('it is a fetch for libraries, with their bodies, headers and signals', async (t) => {
  const url = await serve(t, (req, res) => {
    if (req.url === '/empty') return res.writeHead(204).end();
    if (req.url === '/hang') return undefined;
    res.writeHead(200, { 'content-type': 'application/json', 'x-type': req.headers['content-type'] });
    return req.pipe(res);
  });
  const fetch = asFetch({ reach });
  const body = new URLSearchParams({ token: 'a b' });
  const answer = await fetch(new URL(`${url}/`), { method: 'POST', body, headers: new Headers({ accept: '*/*' }) });
  assert.equal(answer.url, `${url}/`);
  assert.equal(answer.headers.get('x-type'), 'application/x-www-form-urlencoded;charset=UTF-8');
  assert.equal(await answer.text(), 'token=a+b');
  assert.equal(await (await fetch(new Request(url, { method: 'PUT', body: '[1]' }))).text(), '[1]');
  assert.equal((await fetch(`${url}/empty`)).status, 204);
  await assert.rejects(fetch(`${url}/hang`, { signal: AbortSignal.timeout(20) }), { code: 'timeout' });
  await assert.rejects(fetch(`${url}/hang`, { signal: AbortSignal.abort() }), { code: 'timeout' });
});

for (const [address, expected] of [
  ['93.184.216.34', true],
  ['2606:2800:220:1::1', true],
  ['2001:4860:4860::8888', true],
  ['192.0.0.8', false],
  ['168.63.129.16', false],
  ['2001::1', false],
  ['2001:db8::1', false],
  ['64:ff9b::5db8:d822', false],
  ['fd12::1', false],
  ['4000::1', false],
  ['::5db8:d822', false],
] as const) {
  test(`${address} is ${expected ? '' : 'not '}public`, () => assert.equal(isPublicAddress(address), expected));
}
