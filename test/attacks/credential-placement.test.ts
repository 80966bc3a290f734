/** Where a credential may stand: in exactly one header. Never in the URL, where logs keep it, and never in a cookie. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernRequest, send, textOf } from '../mcp-client.ts';
import { exchangeRaw } from '../raw-socket.ts';

let upstream: FakeHttpUpstream;
let gateway: TestGateway;

before(async () => {
  upstream = await startModernUpstream();
  gateway = await startToolgate({ config: { upstreams: [{ name: 'fake', url: upstream.url }] } });
});

after(async () => {
  await gateway.close();
  await upstream.close();
});

const call = modernRequest('tools/call', { name: 'echo', arguments: { text: 'through' } });
const post = (path: string, credential: Record<string, string>) =>
  send(gateway.url + path, { body: call.body, headers: { ...call.headers, ...credential } });

test('a key in the query string never authenticates, and is refused aloud even beside a good header', async () => {
  const before = upstream.received.length;
  const { serviceKey: key } = gateway;
  const good = { authorization: `Bearer ${key}` };
  for (const query of [
    `access_token=${key}`,
    `api_key=${key}`,
    `api-key=${key}`,
    `apikey=${key}`,
    `key=${key}`,
    `token=${key}`,
    `Authorization=Bearer%20${key}`,
    `anything=${key}`,
    `x=1&ACCESS_TOKEN=${key}`,
    'access_token=something-else',
  ]) {
    for (const credential of [{}, good]) {
      const reply = await post(`/mcp/fake?${query}`, credential);
      assert.equal(reply.status, 400, `${query}: ${reply.body}`);
      assert.equal(reply.message.error.data.code, 'credential_in_url');
      assert.ok(!reply.body.includes(key) && !JSON.stringify(reply.headers).includes(key), 'the key is not repeated');
    }
  }
  // Spelt so that it is not recognised, it still gives nobody any right.
  const disguised = [...key].map((character) => `%${character.charCodeAt(0).toString(16)}`).join('');
  assert.equal((await post(`/mcp/fake?%61ccess_token=${disguised}`, {})).status, 401);
  assert.equal(upstream.received.length, before);
  assert.ok(!gateway.logs.join('').includes(key), 'the key is not logged');
});

test('two credentials are refused, whichever they are, even twice the same', async () => {
  const before = upstream.received.length;
  const { serviceKey: service, ownerKey: owner } = gateway;
  for (const credential of [
    { authorization: `Bearer ${service}`, 'x-api-key': service },
    { authorization: `Bearer ${service}`, 'x-api-key': owner },
    { authorization: `Bearer ${service}`, 'x-toolgate-key': 'nonsense' },
    { authorization: '', 'x-toolgate-key': service },
    { authorization: 'Basic xyz', 'x-api-key': service },
    { 'x-api-key': service, 'x-toolgate-key': service },
    { authorization: `Bearer ${service}`, 'x-api-key': service, 'x-toolgate-key': service },
  ]) {
    const reply = await post('/mcp/fake', credential as Record<string, string>);
    assert.equal(reply.status, 400, `${Object.keys(credential)}: ${reply.body}`);
    assert.equal(reply.message.error.data.code, 'credential_ambiguous');
  }
  const body = JSON.stringify(call.body);
  for (const [one, two] of [
    [`Authorization: Bearer ${service}`, `Authorization: Bearer ${owner}`],
    [`Authorization: Bearer ${service}`, `authorization: Bearer ${service}`],
    [`X-Api-Key: ${service}`, `x-api-key: ${owner}`],
    [`X-Toolgate-Key: ${service}`, `X-TOOLGATE-KEY: ${service}`],
  ]) {
    const { host } = new URL(gateway.url);
    const headers = Object.entries(call.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const { statuses } = await exchangeRaw(
      gateway.url,
      `POST /mcp/fake HTTP/1.1\r\nHost: ${host}\r\n${one}\r\n${two}\r\n${headers.join('')}Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    assert.deepEqual(statuses, [400], `${one!.slice(0, 14)} twice`);
  }
  assert.equal(upstream.received.length, before);
});

test('no cookie and no other header authenticates', async () => {
  const before = upstream.received.length;
  const { serviceKey: key } = gateway;
  for (const credential of [
    { cookie: `key=${key}` },
    { cookie: `session=${key}; authorization=Bearer ${key}; __Host-toolgate=${key}` },
    { 'proxy-authorization': `Bearer ${key}` },
    { x_api_key: key },
    { x_toolgate_key: key },
    { 'x-authorization': `Bearer ${key}` },
    { 'x-auth-token': key },
    { 'x-forwarded-user': 'owner' },
    { 'x-forwarded-authorization': `Bearer ${key}` },
    { 'mcp-session-id': key },
  ]) {
    const reply = await post('/mcp/fake', credential as Record<string, string>);
    assert.equal(reply.status, 401, `${Object.keys(credential)}: ${reply.body}`);
  }
  assert.equal(upstream.received.length, before);
  const beside = await post('/mcp/fake', { authorization: `Bearer ${key}`, cookie: 'key=nonsense', x_api_key: 'no' });
  assert.equal(textOf(beside), 'through', 'and beside a good credential they change nothing');
  assert.equal(upstream.received.at(-1)!.headers.cookie, undefined);
});
