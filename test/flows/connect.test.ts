/** Connecting accounts at upstreams in the browser, at the whole gateway, with a provider on another origin. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type ConnectSite, startConnectSite } from '../connect-site.ts';
import { Browser } from '../oauth-browser.ts';

let site: ConnectSite;
before(async () => {
  site = await startConnectSite();
});
after(() => site[Symbol.asyncDispose]());

test('whoever is not signed in does that first, and comes back to the page with what it was asked', async () => {
  const browser = new Browser(site.gateway.url);
  for (const path of ['/connect', '/connect/docs', '/connect/docs?for=abc.def', '/connect/team?as=shared']) {
    const { status, location } = await browser.get(path);
    assert.equal(status, 303);
    const signIn = await browser.get(location!);
    const kept = /name="return_to" value="([^"]*)"/.exec(signIn.text)![1]!.replaceAll('&amp;', '&');
    assert.equal(kept, path);
  }
});

test('a person sees where it leads and what it is for, agrees, and their calls are made with their account', async () => {
  const ann = await site.newPerson('ann');
  assert.equal(await site.accountOf(ann, 'docs'), null);
  const page = await ann.browser.get('/connect/docs');
  assert.match(page.text, /<h1>Connect <bdi>docs<\/bdi>\?/);
  assert.match(page.text, new RegExp(`class="who"><bdi>${new URL(site.provider.issuer).host}<`));
  assert.match(page.text, /<code>mcp:read<\/code>/);
  assert.equal(site.provider.to('authorize').length, 0, 'nothing is begun by looking');
  const done = await site.connect(ann, '/connect/docs', 'ann@provider.example');
  assert.equal(done.url, `${site.gateway.url}/connect/docs`, 'without code and state');
  assert.match(done.text, /docs is connected/);
  assert.match(done.text, /ann@provider\.example/);
  assert.equal(await site.accountOf(ann, 'docs'), 'ann@provider.example');
  const recorded = (await site.recorded('connection.connect')).filter(({ principalId }) => principalId === ann.id);
  assert.deepEqual(
    recorded.map(({ principalName, outcome }) => [principalName, outcome]),
    [[ann.name, 'ok']],
  );
  const bob = await site.newPerson('bob');
  assert.equal(await site.accountOf(bob, 'docs'), null, 'nobody else works with it');
  const list = await ann.browser.get('/connect');
  assert.match(list.text, /ann@provider\.example/);
  assert.match(list.text, /Connected<\/span>/);
  assert.doesNotMatch((await bob.browser.get('/connect')).text, /ann@provider\.example/);
});

test('who is connected already is told so, and can take another account', async () => {
  const person = await site.newPerson('cal');
  await site.connect(person, '/connect/docs', 'first@provider.example');
  assert.match((await person.browser.get('/connect/docs')).text, /docs is connected/);
  const again = await site.connect(person, '/connect/docs?again=1', 'second@provider.example');
  assert.match(again.text, /second@provider\.example/);
  assert.equal(await site.accountOf(person, 'docs'), 'second@provider.example');
});

test('one visit connects all that waits, and what is skipped stays as it was', async () => {
  const person = await site.newPerson('dan');
  const list = await person.browser.get('/connect');
  const all = /href="(\/connect\/[^"]*next=all)"/.exec(list.text)![1]!;
  assert.equal(all, '/connect/docs?next=all');
  const next = await site.connect(person, all);
  assert.equal(next.url, `${site.gateway.url}/connect/wiki?next=all`);
  assert.match(next.text, /<h1>Connect <bdi>wiki<\/bdi>\?/);
  const end = await site.connect(person, '/connect/wiki?next=all');
  assert.equal(end.url, `${site.gateway.url}/connect`);
  assert.equal(end.text.match(/>Connected<\/span>/g)!.length, 2);
  const other = await site.newPerson('eve');
  const first = await other.browser.get('/connect/docs?next=all');
  assert.match(first.text, /href="\/connect\/wiki\?next=all">Skip</);
  assert.deepEqual(await site.connections(`?principal=${other.id}`), []);
});

test('disconnecting ends it here at once and at the provider, and nobody else’s', async () => {
  const fay = await site.newPerson('fay');
  const gus = await site.newPerson('gus');
  await site.connect(fay, '/connect/docs', 'fay@provider.example');
  await site.connect(gus, '/connect/docs', 'gus@provider.example');
  const list = await fay.browser.get('/connect');
  const answer = await fay.browser.post('/connect/docs/disconnect', site.fieldsOf(list));
  assert.deepEqual([answer.status, answer.location], [303, '/connect']);
  assert.equal(await site.accountOf(fay, 'docs'), null);
  assert.equal(await site.accountOf(gus, 'docs'), 'gus@provider.example');
  const isRevoked = (name: string) =>
    site.provider.grants.some(({ account, revoked }) => revoked && account === `${name}@provider.example`);
  while (!isRevoked('fay')) await setTimeout(20);
  assert.equal(isRevoked('gus'), false);
  assert.match((await fay.browser.get('/connect')).text, /Not connected<\/span>/);
});

test('an administrator connects what everybody shares, and a service account', async () => {
  const { gateway } = site;
  const admin = await site.newPerson('hal', ['member', 'admin']);
  assert.match((await admin.browser.get('/connect')).text, /<h2>Shared by everybody<\/h2>/);
  assert.match((await admin.browser.get('/connect/team?as=shared')).text, /<strong>Everybody<\/strong> whose roles/);
  const done = await site.connect(admin, '/connect/team?as=shared', 'team@provider.example');
  assert.match(done.text, /team@provider\.example/);
  const member = await site.newPerson('ida');
  assert.equal(await site.accountOf(member, 'team'), 'team@provider.example');
  const { body: robot } = await gateway.admin('POST', '/service-accounts', { name: 'robot' });
  const { body: link } = await gateway.admin('POST', `/upstreams/docs/connections/service_account/${robot.id}/link`);
  assert.match((await admin.browser.get(link.url)).text, /The service account <strong><bdi>robot<\/bdi>/);
  await site.connect(admin, link.url, 'robot@provider.example');
  const [connection] = await site.connections(`?principal=${robot.id}`);
  assert.deepEqual(connection!.owner, { kind: 'service_account', id: robot.id });
  assert.equal(connection!.account, 'robot@provider.example');
});

test('a person who says no at the provider is told that nothing was connected', async () => {
  const person = await site.newPerson('jon');
  site.provider.deny = 'access_denied';
  try {
    const page = await site.connect(person, '/connect/docs');
    assert.equal(page.status, 403);
    assert.match(page.text, /Nothing was connected/);
    assert.match(page.text, /href="\/connect\/docs"/);
  } finally {
    site.provider.deny = undefined;
  }
  assert.deepEqual(await site.connections(`?principal=${person.id}`), []);
});

test('a person whose role is gone still sees their connection, and can end it but not make it', async () => {
  const person = await site.newPerson('kim');
  await site.connect(person, '/connect/docs', 'kim@provider.example');
  const { status } = await site.gateway.admin('DELETE', `/role-assignments/user/${person.id}/member`);
  assert.equal(status, 204);
  const list = await person.browser.get('/connect');
  assert.match(list.text, /You may not use this server any more/);
  assert.equal((await person.browser.get('/connect/docs')).status, 404);
  await person.browser.post('/connect/docs/disconnect', site.fieldsOf(list));
  assert.deepEqual(await site.connections(`?principal=${person.id}`), []);
});

test('the gateway describes itself as a client that providers can read', async () => {
  const { url } = site.gateway;
  const response = await fetch(`${url}/connect/client.json`);
  assert.match(response.headers.get('content-type')!, /^application\/json/);
  assert.deepEqual(await response.json(), {
    client_id: `${url}/connect/client.json`,
    client_name: `Toolgate (${new URL(url).host})`,
    client_uri: url,
    redirect_uris: [`${url}/connect/callback`],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  });
});
