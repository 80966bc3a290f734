/** Other sites neither connect nor disconnect anything, and lead nobody away from here. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ConnectingPerson, type ConnectSite, startConnectSite } from '../connect-site.ts';
import { Browser, type PageAnswer } from '../oauth-browser.ts';

const EVIL = 'https://evil.example';

let site: ConnectSite;
let ann: ConnectingPerson;
let bob: ConnectingPerson;
before(async () => {
  site = await startConnectSite();
  ann = await site.newPerson('ann');
  bob = await site.newPerson('bob');
  await site.connect(ann, '/connect/wiki', 'ann@provider.example');
});
after(() => site[Symbol.asyncDispose]());

test('forms to connect and to disconnect count only from a page of ours in this very browser', async () => {
  const own = site.fieldsOf(await ann.browser.get('/connect/docs'));
  const stolen = site.fieldsOf(await bob.browser.get('/connect/docs'));
  const { csrf: _, ...unsigned } = own;
  for (const path of ['/connect/docs', '/connect/wiki/disconnect']) {
    const attempts: Record<string, () => Promise<PageAnswer>> = {
      'no token': () => ann.browser.post(path, unsigned),
      'the token of another browser': () => ann.browser.post(path, { ...own, csrf: stolen.csrf! }),
      'a longer token': () => ann.browser.post(path, { ...own, csrf: `${own.csrf}x` }),
      'another origin': () => ann.browser.post(path, own, { origin: EVIL }),
      'no origin at all': () => ann.browser.post(path, own, { origin: 'null' }),
      'a cross-site request': () => ann.browser.post(path, own, { 'sec-fetch-site': 'cross-site' }),
      'a same-site request': () => ann.browser.post(path, own, { 'sec-fetch-site': 'same-site' }),
    };
    for (const [name, attempt] of Object.entries(attempts)) {
      const answer = await attempt();
      assert.equal(answer.status, 403, `${path}: ${name}`);
      assert.equal(answer.onwards, null, name);
    }
    const stranger = await new Browser(site.gateway.url).post(path, own);
    assert.equal(stranger.status, 303, 'nobody is signed in there');
    assert.match(stranger.location!, /^\/sign-in\?/);
  }
  assert.equal(await site.accountOf(ann, 'wiki'), 'ann@provider.example');
  assert.deepEqual(
    (await site.connections(`?principal=${ann.id}`)).map(({ upstream }) => upstream),
    ['wiki'],
  );
  const answer = await ann.browser.post('/connect/docs', own);
  assert.ok(answer.onwards, 'and from our page it counts');
});

test('nothing is connected or disconnected by a link or an image', async () => {
  const before = site.provider.to('authorize').length;
  for (const path of [
    '/connect/docs',
    '/connect/docs?again=1&csrf=x',
    '/connect/wiki/disconnect',
    '/connect/wiki/disconnect?as=',
  ]) {
    const { onwards } = await ann.browser.get(path);
    assert.equal(onwards, null, path);
  }
  assert.equal(site.provider.to('authorize').length, before);
  assert.equal(await site.accountOf(ann, 'wiki'), 'ann@provider.example');
});

test('nothing that a request carries leads to another place afterwards', async () => {
  const person = await site.newPerson('cal');
  for (const value of [EVIL, '//evil.example', '/\\evil.example', 'javascript:alert(1)', '/sign-out']) {
    const evil = encodeURIComponent(value);
    const query = `next=${evil}&then=${evil}&return_to=${evil}&returnTo=${evil}&redirect_uri=${evil}`;
    const page = await person.browser.get(`/connect/docs?again=1&${query}`);
    const action = /<form method="post" action="([^"]+)"/.exec(page.text)![1]!;
    assert.equal(action, '/connect/docs');
    const links = [...page.text.matchAll(/href="([^"]+)"/g)].map(([, href]) => href!);
    for (const href of links) assert.match(href, /^\/(?:assets|connect|sign-in)/, href);
    const given = { ...site.fieldsOf(page), next: value, return_to: value, returnTo: value };
    const { onwards } = await person.browser.post(action, given);
    assert.equal(new URL(onwards!).origin, new URL(site.provider.issuer).origin, value);
    site.provider.approve = 'cal@provider.example';
    const { location } = await person.browser.get(onwards!);
    const back = await person.browser.get(`${location}&return_to=${evil}`);
    assert.equal(back.location, '/connect/docs', value);
  }
});

test('bodies that a form of another kind could carry are refused', async () => {
  const own = site.fieldsOf(await ann.browser.get('/connect/docs?again=1'));
  const cookie = `toolgate_session=${ann.browser.cookie('toolgate_session')}`;
  for (const type of ['text/plain', 'multipart/form-data; boundary=x', 'application/json']) {
    const answer = await fetch(`${site.gateway.url}/connect/docs`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': type, cookie },
      body: String(new URLSearchParams(own)),
    });
    assert.equal(answer.status, 415, type);
    await answer.arrayBuffer();
  }
});

test('pages cannot be framed, run nothing, send forms nowhere else and are kept by no cache', async () => {
  for (const path of [
    '/connect',
    '/connect/docs?again=1',
    '/connect/wiki',
    '/connect/nowhere',
    '/connect/callback?state=x',
  ]) {
    const { headers } = await ann.browser.get(path);
    const policy = headers.get('content-security-policy')!;
    assert.match(policy, /default-src 'none'/, path);
    assert.match(policy, /frame-ancestors 'none'/, path);
    assert.match(policy, /form-action 'self'/, path);
    assert.doesNotMatch(policy, /unsafe|script-src/, path);
    assert.equal(headers.get('cache-control'), 'no-store', path);
    assert.equal(headers.get('referrer-policy'), 'same-origin', path);
  }
});
