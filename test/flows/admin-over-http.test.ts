import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startToolgate, type TestGateway } from '../harness.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startToolgate();
});
after(() => gateway.close());

const raw = (method: string, path: string, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}/api/v1${path}`, { method, headers });

test('the running gateway serves the API to its owner and refuses everybody else', async () => {
  assert.equal((await gateway.admin('GET', '/whoami')).body.administers, 'owner');
  assert.equal((await gateway.admin('GET', '/users', undefined, { key: gateway.serviceKey })).status, 403);
  for (const path of ['', '/', '/users', '/nothing', `/users/${'x'.repeat(5000)}`]) {
    const { status, headers } = await raw('GET', path);
    assert.equal(status, 401, path);
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
  }
  const unreadable = await raw('GET', '/users/%zz');
  assert.equal(unreadable.status, 400);
  assert.match(unreadable.headers.get('content-type') ?? '', /^application\/problem\+json/);
  const { type, code } = (await unreadable.json()) as { type: string; code: string };
  const page = await fetch(new URL(type, unreadable.url));
  assert.equal(((await page.json()) as { code: string }).code, code, 'the type of a problem leads to a page about it');
  const foreign = { origin: 'https://evil.example', authorization: `Bearer ${gateway.ownerKey}` };
  assert.equal((await raw('GET', '/users', foreign)).status, 403);
});

test('a key that is revoked, or whose owner is disabled, is refused by the running gateway when the call has returned', async () => {
  const { body: account } = await gateway.admin('POST', '/service-accounts', { name: 'short-lived' });
  const owner = { kind: 'service_account', id: account.id };
  const first = (await gateway.admin('POST', '/access-keys', { owner, name: 'one' })).body;
  const second = (await gateway.admin('POST', '/access-keys', { owner, name: 'two' })).body;
  const accepted = async (key: string) => (await gateway.admin('GET', '/whoami', undefined, { key })).status === 200;
  assert.ok((await accepted(first.key)) && (await accepted(second.key)));
  await gateway.admin('POST', `/access-keys/${first.accessKey.id}/revoke`);
  assert.deepEqual([await accepted(first.key), await accepted(second.key)], [false, true]);
  await gateway.admin('POST', `/service-accounts/${account.id}/disable`);
  assert.equal(await accepted(second.key), false);
});

test('what the running gateway exports is applied again without a change', async () => {
  const { body: document } = await gateway.admin('GET', '/state');
  const { body: applied } = await gateway.admin('POST', '/state/apply', document);
  assert.deepEqual(applied.changes, []);
});
