/**
 * LiteLLM CVE-2026-59822: what the first verifier did not know went to a second, weaker one. Here there is one verifier,
 * and whatever it refuses is 401 before anything reaches an upstream, also where `auth: none` lets strangers in.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { base62 } from '../../src/lib/base62.ts';
import { mintAccessKey } from '../../src/tokens/access-key-format.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernRequest, send, textOf } from '../mcp-client.ts';

let upstream: FakeHttpUpstream;
let gateway: TestGateway;
let open: TestGateway;

before(async () => {
  upstream = await startModernUpstream();
  const upstreams = [{ name: 'fake', url: upstream.url }];
  gateway = await startToolgate({ config: { upstreams } });
  open = await startToolgate({ config: { upstreams, auth: 'none' } });
});

after(async () => {
  await gateway.close();
  await open.close();
  await upstream.close();
});

const call = modernRequest('tools/call', { name: 'echo', arguments: { text: 'through' } });

/** A key that another gateway, or nobody, made: its form and checksum are right. */
const strangersKey = (): string => mintAccessKey('service').secret.reveal();
const withChecksum = (body: string): string => body + base62(BigInt(crc32(body)), 6);
const unsignedToken = [{ alg: 'none' }, { sub: 'owner', aud: '/mcp' }, '']
  .map((part) => (part === '' ? '' : Buffer.from(JSON.stringify(part)).toString('base64url')))
  .join('.');

function wrongCredentials(good: string): Record<string, string>[] {
  const authorization = (value: string) => ({ authorization: value });
  const bearer = (token: string) => authorization(`Bearer ${token}`);
  return [
    bearer('sk-random'),
    bearer(''),
    bearer('null'),
    bearer('undefined'),
    bearer(unsignedToken),
    bearer(strangersKey()),
    bearer(withChecksum(`tgp_${'0'.repeat(43)}`)),
    bearer(good.slice(0, -1)),
    bearer(`${good}0`),
    bearer(good.toUpperCase()),
    bearer(`${good} ${good}`),
    bearer(`${good},${strangersKey()}`),
    bearer(good.replace(/^tgs_/, 'tgp_')),
    authorization(good),
    authorization(`Basic ${Buffer.from(`owner:${good}`).toString('base64')}`),
    authorization(`Token ${good}`),
    authorization(`Bearer\t${good}`),
    authorization('Bearer'),
    { 'x-api-key': 'sk-random' },
    { 'x-api-key': '' },
    { 'x-api-key': `Bearer ${good}` },
    { 'x-toolgate-key': strangersKey() },
    { 'x-toolgate-key': '*' },
  ];
}

test('every credential that is not a key in force is 401 with a challenge, and the upstream hears nothing', async () => {
  const before = upstream.received.length;
  for (const credential of wrongCredentials(gateway.serviceKey)) {
    for (const path of ['/mcp', '/mcp/fake', '/mcp/no-such-upstream']) {
      const reply = await send(gateway.url + path, { body: call.body, headers: { ...call.headers, ...credential } });
      assert.equal(reply.status, 401, `${JSON.stringify(credential)} at ${path}: ${reply.body}`);
      assert.equal(reply.message.error.data.code, 'credential_invalid');
      const challenge = String(reply.headers['www-authenticate']);
      assert.match(challenge, /^Bearer .*error="invalid_token"/);
      assert.ok(challenge.includes(`/.well-known/oauth-protected-resource${path}"`), challenge);
    }
  }
  assert.equal(upstream.received.length, before);
});

test('no credential at all is 401 with a challenge that names no error (RFC 6750, section 3.1)', async () => {
  for (const method of ['POST', 'GET', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'HEAD']) {
    const reply = await send(`${gateway.url}/mcp`, { method, headers: { accept: 'text/event-stream' } });
    assert.equal(reply.status, 401, method);
    assert.match(String(reply.headers['www-authenticate']), /^Bearer (?!.*error=)/);
  }
});

test('all refusals read the same, so that nobody learns which keys once were right', async () => {
  const bodies = new Set<string>();
  for (const credential of wrongCredentials(gateway.serviceKey)) {
    const { body } = await send(`${gateway.url}/mcp`, { body: call.body, headers: { ...call.headers, ...credential } });
    bodies.add(body.replace(/req_\w+/g, 'req'));
  }
  assert.equal(bodies.size, 1, [...bodies].join('\n'));
});

test('`auth: none` lets in who sends nothing, and still refuses a wrong credential', async () => {
  const url = `${open.url}/mcp/fake`;
  assert.equal(textOf(await send(url, call)), 'through');
  const before = upstream.received.length;
  for (const credential of wrongCredentials(open.serviceKey)) {
    const reply = await send(url, { body: call.body, headers: { ...call.headers, ...credential } });
    assert.equal(reply.status, 401, JSON.stringify(credential));
  }
  assert.equal(upstream.received.length, before);
});

test('the right key passes by each of the three headers', async () => {
  for (const credential of [
    { authorization: `Bearer ${gateway.serviceKey}` },
    { authorization: `bearer ${gateway.serviceKey}` },
    { 'x-api-key': gateway.serviceKey },
    { 'x-toolgate-key': gateway.serviceKey },
  ]) {
    const reply = await send(`${gateway.url}/mcp/fake`, {
      body: call.body,
      headers: { ...call.headers, ...credential },
    });
    assert.equal(textOf(reply), 'through');
  }
});
