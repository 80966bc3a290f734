/**
 * ContextForge CVE-2026-110279, consul CVE-2026-16326: a caller's header became the credential that the gateway sent on.
 * Here every caller header is dropped but the ones that an upstream's list names, and no list can name a credential.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream, Received } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startSseUpstream } from '../fakes/upstream-sse.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { type Any, clientOf, modernRequest, textOf } from '../mcp-client.ts';
import { exchangeRaw } from '../raw-socket.ts';

const OWN = 'Bearer the-credential-of-the-gateway';
let fakes: Record<'modern' | 'legacy' | 'sse' | 'bare', FakeHttpUpstream>;
let gateway: TestGateway;

before(async () => {
  fakes = {
    modern: await startModernUpstream(),
    legacy: await startLegacyUpstream(),
    sse: await startSseUpstream(),
    bare: await startModernUpstream(),
  };
  const auth = { headers: { authorization: OWN, 'X-Upstream-Key': 'the-key-of-the-gateway' } };
  const forwardHeaders = ['x-tenant', 'X-Request-Source', 'accept-language'];
  gateway = await startToolgate({
    config: {
      upstreams: [
        { name: 'modern', url: fakes.modern.url, auth, forwardHeaders },
        { name: 'legacy', url: fakes.legacy.url, auth, forwardHeaders },
        { name: 'sse', url: fakes.sse.url, transport: 'sse', auth, forwardHeaders },
        { name: 'bare', url: fakes.bare.url },
      ],
    },
  });
});

after(async () => {
  await gateway.close();
  for (const fake of Object.values(fakes)) await fake.close();
});

const MARK = 'smuggled-by-the-caller';
/** Whatever somebody might take for a credential, an identity or a route. */
const HOSTILE = [
  'x-upstream-authorization',
  'x-upstream-key',
  'x_upstream_key',
  'X-UPSTREAM-KEY',
  'x_tenant',
  'proxy-authorization',
  'authorization2',
  'x-authorization',
  'x-forwarded-authorization',
  'x-forwarded-user',
  'x-forwarded-for',
  'x-toolgate-user',
  'x-user',
  'cookie',
  'cookie2',
  'from',
  'referer',
  'user-agent',
  'via',
  'traceparent',
  'x-http-method-override',
  'x-original-url',
  'mcp-session',
  'mcp-custom',
  'sec-fetch-site',
  'te',
  'expect2',
  'if-none-match',
  'range',
  'accept-charset',
  'connection2',
  'last-event-id',
];

for (const era of ['modern', 'legacy'] as const) {
  for (const name of ['modern', 'legacy', 'sse', 'bare'] as const) {
    test(`${era} client, ${name} upstream: no header of the caller gets through but the listed ones`, async () => {
      const client = await clientOf(era, `${gateway.url}/mcp/${name}`, gateway.serviceKey);
      const calls = (): Received[] => fakes[name].calls('tools/call');
      for (const header of HOSTILE) {
        const headers = { [header]: MARK, 'x-tenant': 'acme', 'X-Request-Source': 'test', 'Accept-Language': 'tlh' };
        const reply = await client.request('tools/call', { name: 'echo', arguments: { text: header } }, { headers });
        assert.equal(textOf(reply), header);
        const { rawHeaders, headers: seen, message } = calls().at(-1)!;
        assert.equal(message.params.arguments.text, header);
        assert.ok(!rawHeaders.includes(MARK), `${header}: ${rawHeaders}`);
        if (name === 'bare') {
          assert.equal(seen.authorization, undefined);
          assert.equal(seen['x-tenant'], undefined);
        } else {
          assert.equal(seen.authorization, OWN);
          assert.equal(seen['x-upstream-key'], 'the-key-of-the-gateway');
        }
        if (name === 'modern' || name === 'legacy') {
          const listed = [seen['x-tenant'], seen['x-request-source'], seen['accept-language']];
          assert.deepEqual(listed, ['acme', 'test', 'tlh']);
        }
        for (const value of rawHeaders) assert.ok(!value.includes(gateway.serviceKey), 'the key of the caller');
      }
    });
  }
}

test('the caller’s own key goes to no upstream, by whichever header it came', async () => {
  for (const credential of [
    { authorization: `Bearer ${gateway.serviceKey}` },
    { 'x-api-key': gateway.serviceKey },
    { 'x-toolgate-key': gateway.serviceKey },
  ]) {
    for (const name of ['modern', 'legacy', 'sse', 'bare'] as const) {
      const client = await clientOf('legacy', `${gateway.url}/mcp/${name}`, credential as Record<string, string>);
      assert.equal(textOf(await client.request('tools/call', { name: 'echo', arguments: { text: 'x' } })), 'x');
    }
  }
  for (const fake of Object.values(fakes)) {
    for (const { rawHeaders, body } of fake.received) {
      assert.ok(!rawHeaders.some((value) => value.includes(gateway.serviceKey)));
      assert.ok(!body.includes(gateway.serviceKey));
      assert.ok(!rawHeaders.some((value) => ['x-api-key', 'x-toolgate-key'].includes(value.toLowerCase())));
    }
  }
});

test('a listed header that `Connection` names is hop-by-hop and stays here; listed twice, each value passes', async () => {
  const { body, headers } = modernRequest('tools/call', { name: 'echo', arguments: { text: 'x' } });
  const json = JSON.stringify(body);
  const lines = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const post = (extra: string, connection = '') =>
    exchangeRaw(
      gateway.url,
      `POST /mcp/modern HTTP/1.1\r\nHost: ${new URL(gateway.url).host}\r\nAuthorization: Bearer ${gateway.serviceKey}\r\n` +
        `${lines}${extra}Connection: close${connection}\r\nContent-Type: application/json\r\nContent-Length: ${json.length}\r\n\r\n${json}`,
    );
  const seen = (): Any => fakes.modern.calls('tools/call').at(-1)!.headers;
  assert.deepEqual((await post('X-Tenant: acme\r\n', ', X-Tenant, Authorization')).statuses, [200]);
  assert.equal(seen()['x-tenant'], undefined);
  assert.equal(seen().authorization, OWN, 'the gateway’s own credential is not the caller’s to name');
  assert.deepEqual((await post('X-Tenant: one\r\nX-Tenant: two\r\n')).statuses, [200]);
  assert.equal(seen()['x-tenant'], 'one, two');
});

test('a configuration that lists a credential, a protocol header or an underscore is refused', async () => {
  for (const header of [
    'Authorization',
    'authorization',
    'Cookie',
    'X-Api-Key',
    'X-Toolgate-Key',
    'Proxy-Authorization',
    'x_tenant',
    'x_upstream_key',
    'Mcp-Session-Id',
    'Mcp-Name',
    'Host',
    'Content-Length',
    'Transfer-Encoding',
    'Connection',
    'x-tenant\r\nx',
    '',
  ]) {
    const upstreams = [{ name: 'fake', url: fakes.bare.url, forwardHeaders: [header] }];
    await assert.rejects(startToolgate({ config: { upstreams } }), /forwardHeaders/, JSON.stringify(header));
  }
});

test('a listed name never opens the way for the gateway’s own header, and `*` stands for nothing but itself', async () => {
  for (const listed of ['X-Upstream-Key', '*', 'x-*']) {
    const auth = { headers: { 'X-Upstream-Key': 'secret-of-the-gateway' } };
    const upstreams = [{ name: 'fake', url: fakes.bare.url, forwardHeaders: [listed], auth }];
    const started = await startToolgate({ config: { upstreams } }).catch((error: unknown) => String(error));
    if (typeof started === 'string') {
      assert.match(started, /forwardHeaders/);
      continue;
    }
    const client = await clientOf('modern', `${started.url}/mcp/fake`, started.serviceKey);
    const headers = { 'x-upstream-key': MARK, 'x-anything': MARK };
    assert.equal(
      textOf(await client.request('tools/call', { name: 'echo', arguments: { text: 'x' } }, { headers })),
      'x',
    );
    const seen = fakes.bare.calls('tools/call').at(-1)!;
    assert.ok(!seen.rawHeaders.includes(MARK), listed);
    assert.equal(seen.headers['x-upstream-key'], 'secret-of-the-gateway');
    await started.close();
  }
});

test('headers that mirror tool parameters pass under their own name only, and cannot name anything else', async () => {
  const client = await clientOf('modern', `${gateway.url}/mcp/modern`, gateway.serviceKey);
  const headers = {
    'Mcp-Param-Region': 'eu',
    'mcp-param-authorization': 'Bearer x',
    'mcp-paramx': MARK,
    mcp_param_x: MARK,
  };
  await client.request('tools/call', { name: 'echo', arguments: {} }, { headers });
  const { headers: seen, rawHeaders } = fakes.modern.calls('tools/call').at(-1)!;
  assert.equal(seen['mcp-param-region'], 'eu');
  assert.equal(seen.authorization, OWN);
  assert.ok(!rawHeaders.includes(MARK));
});
