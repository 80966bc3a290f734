/** Nobody connects an account for somebody else, knowingly or not. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ConnectingPerson, type ConnectSite, startConnectSite } from '../connect-site.ts';
import { Browser } from '../oauth-browser.ts';

let site: ConnectSite;
let ann: ConnectingPerson;
let bob: ConnectingPerson;
before(async () => {
  site = await startConnectSite();
  ann = await site.newPerson('ann');
  bob = await site.newPerson('bob');
});
after(() => site[Symbol.asyncDispose]());

const linkOf = async ({ key }: ConnectingPerson, upstream = 'docs'): Promise<string> => {
  const answer = await site.gateway.admin('POST', `/upstreams/${upstream}/my-connection/link`, undefined, { key });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body.url;
};
const begun = () => site.provider.to('authorize').length;

test('a link that somebody was sent connects nothing for the one who sent it, and is recorded', async () => {
  const before = begun();
  const link = await linkOf(bob);
  const page = await ann.browser.get(link);
  assert.equal(page.status, 403);
  assert.match(page.text, /This link is not for you/);
  assert.doesNotMatch(page.text, /<form/);
  const own = site.fieldsOf(await ann.browser.get('/connect/docs'));
  const forged = { ...own, for: new URL(link).searchParams.get('for')! };
  assert.equal((await ann.browser.post('/connect/docs', forged)).status, 403, 'not by its form, either');
  assert.equal(begun(), before, 'nobody went to the provider');
  assert.deepEqual(await site.connections(), []);
  const [record] = await site.recorded('connection.refused');
  assert.deepEqual(
    [record!.principalId, record!.reason, record!.decision, record!.target],
    [ann.id, 'connect_link_foreign', 'deny', 'docs'],
  );
  assert.equal((await bob.browser.get(link)).status, 200, 'it is good for the one it was made for');
});

test('a link is for one upstream, and neither altered nor doubled for another', async () => {
  const link = new URL(await linkOf(ann));
  const token = link.searchParams.get('for')!;
  const [expires, mac] = token.split('.');
  const later = (Number.parseInt(expires!, 36) + 1).toString(36);
  for (const [path, value] of [
    ['/connect/wiki', token],
    ['/connect/docs', `${later}.${mac}`],
    ['/connect/docs', `${expires}.${'A'.repeat(43)}`],
    ['/connect/docs', `${token}x`],
    ['/connect/docs', ''],
  ] as const) {
    assert.equal((await ann.browser.get(`${path}?for=${value}`)).status, 403, `${path} ${value}`);
  }
  assert.equal((await ann.browser.get(`/connect/docs?for=${token}&for=${token}`)).status, 403);
});

test('the answer of a provider counts for nobody but the person who left for it, and not in another browser of theirs', async () => {
  const callback = await site.callbackFor(ann, '/connect/docs', 'ann@provider.example');
  const elsewhere = new Browser(site.gateway.url);
  for (const [who, browser] of [
    ['another person', bob.browser],
    ['nobody', elsewhere],
  ] as const) {
    const page = await browser.get(callback);
    assert.equal(page.status, 400, who);
    assert.match(page.text, /This connecting cannot be continued/, who);
  }
  const login = await elsewhere.get('/sign-in');
  const form = { csrf: login.csrf, login: ann.name, password: 'correct horse battery staple', return_to: '/connect' };
  await elsewhere.post('/sign-in', form);
  assert.match((await elsewhere.get('/connect')).text, /Signed in as <strong><bdi>ann</);
  assert.equal((await elsewhere.get(callback)).status, 400, 'the same person in another browser');
  assert.deepEqual(await site.connections(), []);
  assert.equal(site.provider.to('token').length, 0, 'the code was not used');
  const done = await ann.browser.follow(callback);
  assert.match(done.text, /docs is connected/, 'and the one who left for it is not kept from it');
});

test('only owners and administrators connect or end the account that everybody shares, or that of a service account', async () => {
  const { body: robot } = await site.gateway.admin('POST', '/service-accounts', { name: 'robot' });
  const before = begun();
  for (const path of [
    '/connect/team',
    '/connect/team?as=shared',
    `/connect/docs?as=${robot.id}`,
    '/connect/docs?as=shared',
  ]) {
    const page = await ann.browser.get(path);
    assert.ok(page.status === 403 || page.status === 404, `${path} ${page.status}`);
    assert.doesNotMatch(page.text, /<form/, path);
  }
  const fields = site.fieldsOf(await ann.browser.get('/connect/wiki'));
  for (const [action, as] of [
    ['/connect/team', 'shared'],
    ['/connect/team', ''],
    ['/connect/docs', robot.id],
    ['/connect/docs', bob.id],
  ]) {
    const { status } = await ann.browser.post(action!, { ...fields, as: as! });
    assert.ok(status === 403 || status === 404, `${action} as ${as}: ${status}`);
  }
  assert.equal(begun(), before);
  const owner = await site.newPerson('olga', ['owner']);
  await site.connect(owner, '/connect/team?as=shared', 'team@provider.example');
  for (const as of ['shared', robot.id, bob.id]) {
    assert.equal((await ann.browser.post('/connect/team/disconnect', { ...fields, as })).status, 403, as);
  }
  assert.equal((await site.connections('?shared=true')).length, 1);
  for (const [method, path] of [
    ['POST', '/upstreams/team/connection/link'],
    ['POST', '/upstreams/team/connection/refresh'],
    ['DELETE', '/upstreams/team/connection'],
    ['POST', `/upstreams/docs/connections/user/${bob.id}/link`],
    ['DELETE', `/upstreams/docs/connections/user/${bob.id}`],
    ['GET', `/connections?principal=${bob.id}`],
    ['GET', '/connections?shared=true'],
  ] as const) {
    assert.equal(
      (await site.gateway.admin(method, path, undefined, { key: ann.key })).status,
      403,
      `${method} ${path}`,
    );
  }
  assert.equal((await site.connections('?shared=true')).length, 1);
});

test('who may not use an upstream learns nothing of it, and cannot connect it', async () => {
  const before = begun();
  const bare = ({ text }: { text: string }) => text.replaceAll(/closed|nowhere/g, 'X').replace(/req_\w+/, '');
  const closed = await ann.browser.get('/connect/closed');
  assert.equal(closed.status, 404);
  assert.equal(bare(closed), bare(await ann.browser.get('/connect/nowhere')), 'like one that there is not');
  assert.doesNotMatch((await ann.browser.get('/connect')).text, /closed/);
  const fields = site.fieldsOf(await ann.browser.get('/connect/wiki'));
  assert.equal((await ann.browser.post('/connect/closed', fields)).status, 404);
  assert.equal(begun(), before);
});

test('a person who is disabled, or loses the role, on the way connects nothing', async () => {
  const cut: [string, (person: ConnectingPerson) => Promise<unknown>][] = [
    ['disabled', ({ id }) => site.gateway.admin('POST', `/users/${id}/disable`)],
    ['without the role', ({ id }) => site.gateway.admin('DELETE', `/role-assignments/user/${id}/member`)],
  ];
  for (const [name, end] of cut) {
    const person = await site.newPerson(name.replaceAll(' ', '-'));
    const form = site.fieldsOf(await person.browser.get('/connect/wiki'));
    const callback = await site.callbackFor(person, '/connect/docs');
    await end(person);
    const before = begun();
    assert.equal((await person.browser.get(callback)).status, 400, name);
    const page = await person.browser.get('/connect/wiki');
    assert.ok(page.status === 303 || page.status === 404, name);
    const posted = await person.browser.post('/connect/wiki', form);
    assert.ok(posted.status === 303 || posted.status === 404, name);
    assert.equal(posted.onwards, null, name);
    assert.equal(begun(), before, name);
    assert.deepEqual(await site.connections(`?principal=${person.id}`), [], name);
  }
});

test('a key that was made for an agent neither lists, ends nor makes connections', async () => {
  const owner = { kind: 'user', id: ann.id };
  const made = await site.gateway.admin('POST', '/access-keys', { owner, name: 'agent', tools: ['docs__*'] });
  const { key } = made.body;
  for (const [method, path] of [
    ['GET', '/connections'],
    ['DELETE', '/upstreams/docs/my-connection'],
    ['POST', '/upstreams/docs/my-connection/refresh'],
    ['POST', '/upstreams/docs/my-connection/link'],
  ] as const) {
    assert.equal((await site.gateway.admin(method, path, undefined, { key })).status, 403, `${method} ${path}`);
  }
});
