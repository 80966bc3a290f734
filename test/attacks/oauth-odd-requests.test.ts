import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startAuthorizationServer } from '../authorization-server.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { authorizeUrl, register } from '../oauth-client.ts';
import { registerClient } from '../sign-in.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startToolgate({ config: { oauth: { deviceFlow: true } } });
});
after(() => gateway.close());

const FORM = 'application/x-www-form-urlencoded';
const ENDPOINTS = [
  'token',
  'par',
  'revoke',
  'introspect',
  'device_authorization',
  'register',
  'device',
  'interaction/x',
];

async function send(path: string, init: RequestInit): Promise<number> {
  const answer = await fetch(gateway.url + path, { redirect: 'manual', ...init });
  await answer.arrayBuffer();
  return answer.status;
}

const post = (path: string, type: string, body: string) =>
  send(path, { method: 'POST', headers: { 'content-type': type }, body });

test('no body that anybody can send is a failure of the gateway', async () => {
  const bodies: [string, string][] = [
    [FORM, ''],
    [FORM, 'client_id=%00&grant_type=refresh_token&refresh_token=%00&token=%00'],
    [FORM, `client_id=${'x'.repeat(30_000)}`],
    [FORM, '&'.repeat(100_000)],
    [FORM, 'client_id=__proto__&grant_type=constructor'],
    [FORM, 'client_id=a&client_id=b'],
    ['application/json', '['.repeat(100_000)],
    ['application/json', 'null'],
    ['application/json', '{"redirect_uris":{"length":1},"client_name":["\\u0000"]}'],
    ['application/json', '{"redirect_uris":["http://127.0.0.1/"],"client_name":"\\ud800\\u0000","jwks":{"keys":[1]}}'],
    ['text/plain', 'x'],
    ['multipart/form-data; boundary=x', '--x--'],
  ];
  for (const endpoint of ENDPOINTS) {
    for (const [type, body] of bodies) {
      const status = await post(`/oauth/${endpoint}`, type, body);
      assert.ok(status < 500, `${status} for ${body.slice(0, 60)} at ${endpoint}`);
    }
  }
  for (const path of ['/sign-in', '/sign-in/totp', '/sign-out', '/sign-in/nobody', '/setup/x', '/nowhere']) {
    for (const [type, body] of bodies) {
      const status = await post(path, type, body);
      assert.ok(status < 500, `${status} for ${body.slice(0, 60)} at ${path}`);
    }
  }
});

test('nor is any URL', async () => {
  const client = await registerClient(gateway);
  const resume = '/oauth/authorize/x';
  for (const path of [
    '/oauth/authorize?client_id=%00',
    `/oauth/authorize?client_id=${client}&state=%00%0d%0a&scope=%00&resource=%00&redirect_uri=%00`,
    resume,
    `${resume}?client_id=${client}`,
    `${resume}?client_id=${client}&request_uri=urn:ietf:params:oauth:request_uri:x`,
    '/oauth/interaction/%00',
    '/sign-in/__proto__',
    '/sign-in/callback/constructor?state=%00&code=%00',
    '/setup/%00',
  ]) {
    const status = await send(path, { headers: { accept: 'text/html' } });
    assert.ok(status < 500, `${status} for ${path}`);
  }
  const failures = gateway.logs.filter((line) => JSON.parse(line).level === 'error');
  assert.deepEqual(failures, []);
});

test('a flood of refusals is recorded in part, and how many were left out is said', async (t) => {
  let time = Date.now();
  const as = await startAuthorizationServer({ options: { now: () => time } });
  t.after(() => as.close());
  const refuse = () =>
    fetch(`${as.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'nobody' }),
    }).then((answer) => answer.arrayBuffer());
  for (let i = 0; i < 60; i++) await refuse();
  const recorded = () => as.events.filter(({ action }) => action === 'token.refused');
  assert.equal(recorded().length, 50);
  time += 1000;
  await refuse();
  assert.equal(recorded().length, 51);
  assert.match(JSON.stringify(recorded()[50]!.arguments), /"notRecorded":10/);
});

test('an address that begins sign-ins without end is refused before anything is kept', async (t) => {
  let address = '192.0.2.1';
  const as = await startAuthorizationServer({ options: { addressOf: () => address } });
  t.after(() => as.close());
  const begin = () =>
    fetch(authorizeUrl(as.url, { clientId }), { redirect: 'manual' }).then(async (answer) => {
      await answer.arrayBuffer();
      return answer.status;
    });
  const clientId = await register(as.url);
  for (let i = 0; i < 300; i++) assert.equal(await begin(), 303);
  assert.equal(await begin(), 429);
  const pushed = await fetch(`${as.url}/oauth/par`, { method: 'POST', body: new URLSearchParams({ client_id: 'x' }) });
  assert.equal(pushed.status, 429);
  assert.equal((await as.db.selectFrom('oauth_records').selectAll().execute()).length, 300);
  address = '192.0.2.2';
  assert.equal(await begin(), 303);
});
