/** What a provider, or somebody in its name, sends a browser back with. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type ConnectingPerson, type ConnectSite, startConnectSite } from '../connect-site.ts';

let site: ConnectSite;
let ann: ConnectingPerson;
before(async () => {
  site = await startConnectSite();
  ann = await site.newPerson('ann');
});
afterEach(() => {
  for (const name of Object.keys(site.provider.tamper)) delete (site.provider.tamper as Record<string, unknown>)[name];
});
after(() => site[Symbol.asyncDispose]());

const tokenRequests = () => site.provider.to('token').length;

test('a callback is good once', async () => {
  const callback = await site.callbackFor(ann, '/connect/docs', 'ann@provider.example');
  const first = await ann.browser.get(callback);
  assert.deepEqual([first.status, first.location], [303, '/connect/docs']);
  const before = tokenRequests();
  assert.equal((await ann.browser.get(callback)).status, 400);
  assert.equal(tokenRequests(), before, 'the code is not tried again');
  assert.equal(await site.accountOf(ann, 'docs'), 'ann@provider.example', 'and nothing is lost by it');
});

test('several at the same time: one of them counts', async () => {
  const callback = await site.callbackFor(ann, '/connect/wiki', 'ann@provider.example');
  const before = tokenRequests();
  const answers = await Promise.all(Array.from({ length: 8 }, () => ann.browser.get(callback)));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [303, ...Array(7).fill(400)]);
  assert.equal(tokenRequests(), before + 1);
});

test('without a state of ours nothing happens, whatever else it brings', async () => {
  const good = new URL(await site.callbackFor(ann, '/connect/docs?again=1', 'mallory@provider.example'));
  const code = good.searchParams.get('code')!;
  const state = good.searchParams.get('state')!;
  const before = tokenRequests();
  const made = (given: Record<string, string>) => `/connect/callback?${new URLSearchParams(given)}`;
  for (const path of [
    made({ code }),
    made({ code, state: '' }),
    made({ code, state: 'docs' }),
    made({ code, state: `docs.${'A'.repeat(43)}` }),
    made({ code, state: state.slice(0, -1) }),
    made({ code, state: state.replace('docs', 'wiki') }),
    made({ code, state: state.replace('docs', '../team') }),
    `${made({ code, state })}&state=${state}`,
    made({ error: 'access_denied' }),
    made({ error: 'server_error', error_description: 'Go to https://evil.example', state: 'x' }),
  ]) {
    const page = await ann.browser.get(path);
    assert.ok(page.status === 400 || page.status === 502, `${path}: ${page.status}`);
    assert.equal(page.location, null, path);
    assert.doesNotMatch(page.text, /evil\.example/, path);
  }
  assert.equal(tokenRequests(), before);
  const accounts = (await site.connections(`?principal=${ann.id}`)).map(({ account }) => account);
  assert.ok(!accounts.includes('mallory@provider.example'));
});

test('an answer that names another issuer, or none where the provider names itself, is refused (RFC 9207)', async () => {
  const person = await site.newPerson('ben');
  const before = tokenRequests();
  for (const change of [
    (url: URL) => url.searchParams.set('iss', 'https://evil.example'),
    (url: URL) => url.searchParams.set('iss', `${site.provider.issuer}/`),
    (url: URL) => url.searchParams.delete('iss'),
    (url: URL) => url.searchParams.append('iss', 'https://evil.example'),
  ]) {
    site.provider.tamper.callback = (url) => {
      change(url);
      return url;
    };
    const callback = await site.callbackFor(person, '/connect/docs');
    const page = await person.browser.get(callback);
    assert.equal(page.status, 502, `${callback}: ${page.text}`);
    assert.match(page.text, /The account could not be connected/);
  }
  assert.equal(tokenRequests(), before, 'no code went anywhere');
  assert.deepEqual(await site.connections(`?principal=${person.id}`), []);
});

test('an answer that was begun in one session is not good in the next one of the same browser', async () => {
  const person = await site.newPerson('cal');
  const callback = await site.callbackFor(person, '/connect/docs');
  const { csrf } = await person.browser.get('/sign-in');
  await person.browser.post('/sign-out', { csrf });
  assert.equal((await person.browser.get(callback)).status, 400);
  const login = await person.browser.get('/sign-in');
  const form = { csrf: login.csrf, login: 'cal', password: 'correct horse battery staple', return_to: '/connect' };
  await person.browser.post('/sign-in', form);
  assert.equal((await person.browser.get(callback)).status, 400);
});
