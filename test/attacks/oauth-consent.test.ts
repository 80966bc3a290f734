import assert from 'node:assert/strict';
import { beforeEach, type TestContext, test } from 'node:test';
import { startAuthorizationServer, type TestAuthorizationServer } from '../authorization-server.ts';
import { Browser } from '../oauth-browser.ts';
import { answerIn, authorize, authorizeUrl, LOOPBACK, register } from '../oauth-client.ts';

const WEB = { redirect_uris: ['https://app.example/cb', 'https://other.example/cb'] };
const AT_APP = { redirectUri: 'https://app.example/cb' };

let as: TestAuthorizationServer;
let browser: Browser;
beforeEach(async (context) => {
  as = await startAuthorizationServer();
  (context as TestContext).after(() => as.close());
  await as.addUser('ann');
  await as.addUser('ben');
  browser = await signedIn('ann');
});

async function signedIn(name: string): Promise<Browser> {
  const opened = new Browser(as.url);
  await opened.open(`/test/sign-in?name=${name}`);
  return opened;
}

const asks = async (who: Browser, request: Parameters<typeof authorizeUrl>[1]): Promise<boolean> => {
  const page = await who.open(authorizeUrl(as.url, request));
  assert.equal(page.status === 200 || page.url.includes('code='), true, page.text);
  return page.text.includes('Allow access?');
};

const grants = async (): Promise<number> => (await as.db.selectFrom('oauth_grants').selectAll().execute()).length;

test('a consent is remembered for the same person, client, redirect host, resource and scopes alone', async () => {
  const clientId = await register(as.url, WEB);
  const scope = 'mcp:jira';
  await authorize(browser, { clientId, ...AT_APP, more: { scope } });
  assert.equal(await asks(browser, { clientId, ...AT_APP, more: { scope } }), false);
  assert.equal(await asks(browser, { clientId, ...AT_APP, more: { scope: 'mcp:jira:read' } }), false, 'narrower');
  assert.equal(await asks(browser, { clientId, ...AT_APP, more: { scope: 'mcp:jira mcp:wiki' } }), true, 'wider');
  assert.equal(await asks(browser, { clientId, ...AT_APP, more: { scope, resource: `${as.url}/mcp/jira` } }), true);
  assert.equal(await asks(browser, { clientId, redirectUri: 'https://other.example/cb', more: { scope } }), true);
  assert.equal(await asks(browser, { clientId: await register(as.url, WEB), ...AT_APP, more: { scope } }), true);
  assert.equal(await asks(await signedIn('ben'), { clientId, ...AT_APP, more: { scope } }), true);
  assert.equal(await asks(browser, { clientId, ...AT_APP, more: { scope, prompt: 'consent' } }), true);
});

test('a remembered consent gives every authorization a grant of its own, and ends with the client', async () => {
  const clientId = await register(as.url, WEB);
  await authorize(browser, { clientId, ...AT_APP });
  await authorize(browser, { clientId, ...AT_APP });
  assert.equal(await grants(), 2);
  assert.equal(await as.server.revokeClient(clientId, 'test'), true);
  const page = await browser.open(authorizeUrl(as.url, { clientId, ...AT_APP }));
  assert.equal(page.status, 400);
  assert.equal(await grants(), 2);
});

test('a program on the own device is asked about every time, whatever it says it is', async () => {
  const clientId = await register(as.url, { application_type: 'web', redirect_uris: [LOOPBACK, 'cursor://cb'] });
  for (const redirectUri of [LOOPBACK, 'cursor://cb']) {
    await authorize(browser, { clientId, redirectUri });
    assert.equal(await asks(browser, { clientId, redirectUri }), true);
  }
});

test('nothing is granted before the person has agreed, and nothing after a no', async () => {
  const clientId = await register(as.url);
  const page = await browser.open(authorizeUrl(as.url, { clientId }));
  assert.equal(await grants(), 0);
  const done = await browser.submit(page, { decision: 'deny' });
  const { error, state, iss, code } = answerIn(done.url);
  assert.deepEqual(
    { error, state, iss, code },
    { error: 'access_denied', state: 'the-state', iss: as.url, code: undefined },
  );
  assert.equal(await grants(), 0);
  assert.ok(as.events.some(({ action }) => action === 'consent.denied'));
});

test('a sign-in that an attacker has begun gives nothing in another browser', async () => {
  const clientId = await register(as.url);
  const attacker = await signedIn('ben');
  const theirs = await attacker.open(authorizeUrl(as.url, { clientId, redirectUri: LOOPBACK }));
  assert.match(theirs.url, /\/oauth\/interaction\//);
  const opened = await browser.open(theirs.url);
  assert.equal(opened.status, 400);
  assert.match(opened.text, /This sign-in is over/);
  const submitted = await browser.submit(theirs, { decision: 'allow' });
  assert.equal(submitted.status, 400);
  const resumed = await browser.open(theirs.url.replace('/interaction/', '/authorize/'));
  assert.equal(resumed.status, 400);
  assert.equal(await grants(), 0);
});

test('an answer that the attacker has prepared does not sign the victim in as somebody else', async () => {
  const clientId = await register(as.url);
  const page = await browser.open(authorizeUrl(as.url, { clientId }));
  await browser.open('/test/sign-in?name=ben');
  const shown = await browser.open(page.url);
  assert.match(shown.text, /signed in as somebody else/);
  assert.equal((await browser.submit(page, { decision: 'allow' })).status, 400);
  const resumed = await browser.open(page.url.replace('/interaction/', '/authorize/'));
  assert.equal(resumed.status, 400);
  assert.equal(await grants(), 0);
});

test('who has signed out in between is asked to sign in again', async () => {
  const clientId = await register(as.url);
  const page = await browser.open(authorizeUrl(as.url, { clientId }));
  await as.db.deleteFrom('browser_sessions').execute();
  const shown = await browser.open(page.url);
  assert.equal(new URL(shown.url).pathname, '/sign-in');
  const resumed = await browser.open(page.url.replace('/interaction/', '/authorize/'));
  assert.equal(resumed.status, 400);
  assert.equal(await grants(), 0);
});

test('the form of another site decides nothing', async () => {
  const clientId = await register(as.url);
  const page = await browser.open(authorizeUrl(as.url, { clientId }));
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)![1]!;
  const send = (body: Record<string, string>, headers: Record<string, string>) =>
    browser.request(page.url, {
      method: 'POST',
      body: new URLSearchParams(body),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    });
  const decision = 'allow';
  for (const [body, headers] of [
    [{ decision }, { origin: as.url }],
    [{ decision, csrf: '' }, { origin: as.url }],
    [{ decision, csrf: `${csrf.slice(1)}x` }, { origin: as.url }],
    [{ decision, csrf }, { origin: 'https://evil.example' }],
    [{ decision, csrf }, { origin: 'null' }],
    [
      { decision, csrf },
      { origin: as.url, 'sec-fetch-site': 'cross-site' },
    ],
  ] as const) {
    assert.equal((await send(body, headers)).status, 403, JSON.stringify([body, headers]));
  }
  assert.equal(await grants(), 0);
  assert.equal((await send({ decision, csrf }, { origin: as.url })).status, 200);
  assert.equal(await grants(), 1);
});

test('the page is framed by nobody, has no script, and is in no cache', async () => {
  const clientId = await register(as.url, {
    client_name: '"><script>alert(1)</script>',
    client_uri: 'javascript:alert(1)',
    logo_uri: 'javascript:alert(1)',
  });
  const page = await browser.open(authorizeUrl(as.url, { clientId }));
  const csp = page.headers.get('content-security-policy')!;
  assert.match(csp, /default-src 'none'/);
  assert.match(csp, /frame-ancestors 'none'/);
  assert.match(csp, /form-action 'self'/);
  assert.equal(page.headers.get('cache-control'), 'no-store');
  assert.equal(/<script/i.test(page.text), false);
  assert.equal(/javascript:/i.test(page.text), false);
});

test('without a page, only what was agreed to before is given', async () => {
  const clientId = await register(as.url, WEB);
  const silently = async (who: Browser) => {
    const done = await who.open(authorizeUrl(as.url, { clientId, ...AT_APP, more: { prompt: 'none' } }));
    const { error, code } = answerIn(done.url);
    return error ?? (code === undefined ? 'nothing' : 'code');
  };
  assert.equal(await silently(new Browser(as.url)), 'login_required');
  assert.equal(await silently(browser), 'consent_required');
  await authorize(browser, { clientId, ...AT_APP });
  assert.equal(await silently(browser), 'code');
});

test('a client cannot have more grants than an operator allows', async (t) => {
  const limited = await startAuthorizationServer({ oauth: { clients: { grantsPerClient: 2 } } });
  t.after(() => limited.close());
  await limited.addUser('ann');
  const opened = new Browser(limited.url);
  await opened.open('/test/sign-in?name=ann');
  const clientId = await register(limited.url);
  for (let i = 0; i < 2; i++) await authorize(opened, { clientId });
  const page = await opened.open(authorizeUrl(limited.url, { clientId }));
  const done = await opened.submit(page, { decision: 'allow' });
  assert.equal(answerIn(done.url).error, 'access_denied');
});

test('a client that did not register itself serves as many people as there are', async (t) => {
  const declared = { id: 'desk', name: 'Desk', redirectUris: ['http://127.0.0.1/callback'] };
  const free = await startAuthorizationServer({
    oauth: { clients: { grantsPerClient: 1 }, preRegistered: [declared] },
  });
  t.after(() => free.close());
  await free.addUser('ann');
  const opened = new Browser(free.url);
  await opened.open('/test/sign-in?name=ann');
  for (let i = 0; i < 3; i++) {
    const { exchange } = await authorize(opened, { clientId: 'desk' });
    assert.ok(exchange.code);
  }
});

test('whose grant an operator has ended is asked again, although they were not to be', async () => {
  const clientId = await register(as.url, WEB);
  await authorize(browser, { clientId, ...AT_APP });
  assert.equal(await asks(browser, { clientId, ...AT_APP }), false);
  const { id } = await as.db.selectFrom('oauth_grants').select('id').executeTakeFirstOrThrow();
  assert.equal(await as.server.revokeGrant(id, 'by an operator'), true);
  assert.equal(await asks(browser, { clientId, ...AT_APP }), true);
});

test('a grant says through which session of an identity provider it was given, so that it can end with that', async (t) => {
  const own = await startAuthorizationServer();
  t.after(() => own.close());
  await own.addUser('ann');
  const federated = new Browser(own.url);
  await federated.open('/test/sign-in?name=ann&provider=corp&sid=s-1');
  const clientId = await register(own.url, WEB);
  // The second time by the consent that is remembered.
  for (let i = 0; i < 2; i++) await authorize(federated, { clientId, ...AT_APP });
  const rows = await own.db.selectFrom('oauth_grants').select('payload').execute();
  const sessions = rows.map(({ payload }) => JSON.parse(payload) as Record<string, unknown>);
  assert.deepEqual(
    sessions.map(({ provider, providerSession }) => [provider, providerSession]),
    Array(2).fill(['corp', 's-1']),
  );
});

test('one person cannot use up what a client may have for all', async (t) => {
  const shared = await startAuthorizationServer({ oauth: { clients: { grantsPerClient: 55 } } });
  t.after(() => shared.close());
  await shared.addUser('ann');
  await shared.addUser('ben');
  const [ann, ben] = [new Browser(shared.url), new Browser(shared.url)];
  await ann.open('/test/sign-in?name=ann');
  await ben.open('/test/sign-in?name=ben');
  const clientId = await register(shared.url, WEB);
  for (let i = 0; i < 60; i++) await authorize(ann, { clientId, ...AT_APP });
  await authorize(ben, { clientId, ...AT_APP });
  const rows = await shared.db.selectFrom('oauth_grants').selectAll().orderBy('id').execute();
  const ended = rows.filter(({ revoked_at }) => revoked_at !== null);
  assert.equal(rows.length - ended.length, 51);
  assert.deepEqual(ended, rows.slice(0, 10), 'the oldest ones');
});

test('a form that is sent twice, or twenty times at once, leads to one code', async () => {
  const clientId = await register(as.url);
  const page = await browser.open(authorizeUrl(as.url, { clientId }));
  const done = await Promise.all(Array.from({ length: 20 }, () => browser.submit(page, { decision: 'allow' })));
  const codes = new Set(done.map(({ url }) => answerIn(url).code).filter((code) => code !== undefined));
  assert.equal(codes.size, 1);
});
