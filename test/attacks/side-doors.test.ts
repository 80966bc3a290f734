/**
 * Google toolbox CVE-2026-14537, Kuadrant GO-2026-5390, oauth2-proxy CVE-2026-34457: one path that nobody thought of was
 * open. Every path by every method without a credential, with what comes back: a new answer fails until it is written here.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernRequest } from '../mcp-client.ts';
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

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY'];

/** What GET, HEAD and so on answer, in the order above. */
const SURFACE = `
/mcp                                              401 401 401 401 401 401 401 401 401
/mcp/                                             401 401 401 401 401 401 401 401 401
/mcp?                                             401 401 401 401 401 401 401 401 401
/mcp?x=y                                          401 401 401 401 401 401 401 401 401
/mcp/fake                                         401 401 401 401 401 401 401 401 401
/mcp/fake/                                        401 401 401 401 401 401 401 401 401
/mcp/no-such-upstream                             401 401 401 401 401 401 401 401 401
/mcp/fake/extra                                   404 404 404 404 404 404 404 404 404
/mcp/fake//                                       404 404 404 404 404 404 404 404 404
/mcp//fake                                        404 404 404 404 404 404 404 404 404
/mcp/../healthz                                   404 404 404 404 404 404 404 404 404
/mcp/..%2f..%2fapi                                404 404 404 404 404 404 404 404 404
/mcp/FAKE                                         404 404 404 404 404 404 404 404 404
/mcp/fake%00                                      404 404 404 404 404 404 404 404 404
/mcp/fake;x=y                                     404 404 404 404 404 404 404 404 404
/mcp/fake#x                                       404 404 404 404 404 404 404 404 404
/mcp;x=y                                          404 404 404 404 404 404 404 404 404
/mcp%2ffake                                       404 404 404 404 404 404 404 404 404
/MCP                                              404 404 404 404 404 404 404 404 404
//mcp                                             404 404 404 404 404 404 404 404 404
/./mcp                                            404 404 404 404 404 404 404 404 404
/mcpx                                             404 404 404 404 404 404 404 404 404
/sse                                              404 404 404 404 404 404 404 404 404
/messages                                         404 404 404 404 404 404 404 404 404
/                                                 404 404 404 404 404 404 404 404 404
/index.html                                       404 404 404 404 404 404 404 404 404
/console                                          404 404 404 404 404 404 404 404 404
/healthz                                          200 200 404 404 404 404 404 404 404
/readyz                                           200 200 404 404 404 404 404 404 404
/errors                                           404 404 404 404 404 404 404 404 404
/errors/not_found                                 200 200 404 404 404 404 404 404 404
/errors/not_found/                                404 404 404 404 404 404 404 404 404
/errors/no_such_code                              404 404 404 404 404 404 404 404 404
/errors/constructor                               404 404 404 404 404 404 404 404 404
/metrics                                          401 401 404 404 404 404 404 404 404
/metrics/                                         404 404 404 404 404 404 404 404 404
/.well-known/oauth-protected-resource             200 200 404 404 404 404 404 404 404
/.well-known/oauth-protected-resource/mcp         200 200 404 404 404 404 404 404 404
/.well-known/oauth-protected-resource/mcp/fake    200 200 404 404 404 404 404 404 404
/.well-known/oauth-protected-resource/etc/passwd  404 404 404 404 404 404 404 404 404
/.well-known/oauth-protected-resource/mcp/../x    404 404 404 404 404 404 404 404 404
/.well-known/oauth-authorization-server           200 404 404 404 404 404 404 404 404
/.well-known/openid-configuration                 200 404 404 404 404 404 404 404 404
/authorize                                        400 404 404 404 404 404 404 404 404
/token                                            404 404 400 404 404 404 404 404 404
/register                                         404 404 400 404 404 404 204 404 404
/oauth                                            404 404 404 404 404 404 404 404 404
/oauth/                                           404 404 404 404 404 404 404 404 404
/oauth/authorize                                  400 404 404 404 404 404 404 404 404
/oauth/authorize/unknown                          400 400 404 404 404 404 404 404 404
/oauth/token                                      404 404 400 404 404 404 404 404 404
/oauth/jwks                                       200 404 404 404 404 404 404 404 404
/oauth/register                                   404 404 400 404 404 404 204 404 404
/oauth/revoke                                     404 404 400 404 404 404 404 404 404
/oauth/introspect                                 404 404 400 404 404 404 404 404 404
/oauth/par                                        404 404 400 404 404 404 404 404 404
/oauth/device                                     404 404 415 404 404 404 404 404 404
/oauth/device_authorization                       404 404 404 404 404 404 404 404 404
/oauth/end-session                                303 303 415 404 404 404 404 404 404
/oauth/userinfo                                   404 404 404 404 404 404 404 404 404
/oauth/me                                         404 404 404 404 404 404 404 404 404
/oauth/interaction/unknown                        400 400 415 404 404 404 404 404 404
/oauth/interaction/unknown/abort                  404 404 404 404 404 404 404 404 404
/sign-in                                          200 200 415 404 404 404 404 404 404
/sign-in/unknown                                  404 404 404 404 404 404 404 404 404
/sign-in/callback/unknown                         404 404 404 404 404 404 404 404 404
/sign-in/unknown/backchannel-logout               404 404 415 404 404 404 404 404 404
/sign-out                                         404 404 415 404 404 404 404 404 404
/signed-out                                       200 200 404 404 404 404 404 404 404
/setup/unknown                                    404 404 415 404 404 404 404 404 404
/assets/unknown                                   404 404 404 404 404 404 404 404 404
/assets/../toolgate.db                            404 404 404 404 404 404 404 404 404
/connect                                          303 303 404 404 404 404 404 404 404
/connect/fake                                     303 303 415 404 404 404 404 404 404
/connect/unknown                                  303 303 415 404 404 404 404 404 404
/connect/callback                                 303 303 415 404 404 404 404 404 404
/connect/client.json                              200 200 415 404 404 404 404 404 404
/connect/fake/disconnect                          404 404 415 404 404 404 404 404 404
/debug/pprof                                      404 404 404 404 404 404 404 404 404
/.env                                             404 404 404 404 404 404 404 404 404
/toolgate.yaml                                    404 404 404 404 404 404 404 404 404
/api                                              404 404 404 404 404 404 404 404 404
/api/v1                                           401 401 401 401 401 401 401 401 401
/api/v1/                                          401 401 401 401 401 401 401 401 401
/api/v1/whoami                                    401 401 401 401 401 401 401 401 401
/api/v1/users                                     401 401 401 401 401 401 401 401 401
/api/v1/access-keys                               401 401 401 401 401 401 401 401 401
/api/v1/upstreams                                 401 401 401 401 401 401 401 401 401
/api/v1/audit/export                              401 401 401 401 401 401 401 401 401
/api/v1/vault/rotate                              401 401 401 401 401 401 401 401 401
/api/v1/openapi.json                              401 401 401 401 401 401 401 401 401
/api/v1/no/such                                   401 401 401 401 401 401 401 401 401
/api/v2                                           404 404 404 404 404 404 404 404 404
/API/V1/users                                     404 404 404 404 404 404 404 404 404
`;

test('without a credential nothing answers but health, what errors mean, metadata, and the way to sign in', {
  timeout: 120_000,
}, async () => {
  const { host } = new URL(gateway.url);
  const { headers, body } = modernRequest('tools/call', { name: 'echo', arguments: { text: 'x' } });
  const lines = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const json = JSON.stringify(body);
  const before = upstream.received.length;
  const found: string[] = [];
  for (const row of SURFACE.trim().split('\n')) {
    const [path] = row.split(/\s+/) as [string];
    const statuses = await Promise.all(
      METHODS.map(async (method) => {
        const { statuses, text } = await exchangeRaw(
          gateway.url,
          `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines}Content-Type: application/json\r\n` +
            `Content-Length: ${json.length}\r\nConnection: close\r\n\r\n${json}`,
        );
        assert.equal(statuses.length, 1, text);
        return statuses[0];
      }),
    );
    found.push(`${path.padEnd(49)} ${statuses.join(' ')}`);
  }
  assert.deepEqual(found, SURFACE.trim().split('\n'));
  assert.equal(upstream.received.length, before);
});

test('what answers without a credential tells nothing about the gateway’s inside', async () => {
  for (const path of [
    '/healthz',
    '/readyz',
    '/no/such',
    '/errors/internal',
    '/mcp',
    '/api/v1/users',
    '/.well-known/oauth-protected-resource',
  ]) {
    const response = await fetch(gateway.url + path);
    const text = (await response.text()) + JSON.stringify([...response.headers]);
    assert.doesNotMatch(text, /fake|node|fastify|undici|\/work|\/tmp|sqlite|stack|\.ts/i, path);
    assert.equal(response.headers.get('x-powered-by'), null);
    assert.equal(response.headers.get('server'), null);
  }
});
