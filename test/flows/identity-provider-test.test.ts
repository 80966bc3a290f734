/** `toolgate idp`: what is wrong with an identity provider, and what each rule gives, before people meet it. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type FakeIdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { Browser } from '../oauth-browser.ts';
import { createFolder, startToolgateProcess, toolgate } from './cli-process.ts';

const RULES = [
  { claim: 'groups', equals: 'readers', roles: ['reader'] },
  { claim: 'groups', matches: 'team-*', groups: ['teams'] },
  { claim: 'realm_access.roles', equals: 'admin', roles: ['reader'] },
];

let idp: FakeIdentityProvider;
let gateway: TestGateway;
let folder: Awaited<ReturnType<typeof createFolder>>;

before(async () => {
  idp = await startIdentityProvider(['http://127.0.0.1/sign-in/callback/corp'], { anyPort: true });
  const { issuer, clientId, clientSecret } = idp;
  const corp = { name: 'corp', issuer, clientId, clientSecret: '${env:IDP}', domains: ['corp.example'], rules: RULES };
  gateway = await startToolgate({
    config: {
      roles: [{ name: 'reader', allow: [] }],
      oauth: {
        identityProviders: [
          corp,
          { ...corp, name: 'wrong-secret', clientSecret: 'not the secret of this client' },
          { ...corp, name: 'wrong-issuer', preset: 'keycloak', issuer: `${issuer}/realms/nobody` },
          { ...corp, name: 'away', preset: 'keycloak', issuer: 'http://127.0.0.1:1/away' },
        ],
      },
    },
    env: { IDP: clientSecret },
  });
  folder = await createFolder();
});

beforeEach(() => {
  idp.person = {
    ...{ sub: 'subject-1', email: 'ann@corp.example', email_verified: true, name: 'Ann\u001b[31m' },
    groups: ['readers', 'others'],
  };
});

after(async () => {
  await folder.remove();
  await gateway.close();
  await idp.close();
});

const surroundings = () => ({
  cwd: folder.path,
  env: { TOOLGATE_URL: gateway.url, TOOLGATE_KEY: gateway.ownerKey },
});
const run = (...args: string[]) => toolgate(['idp', ...args], surroundings());

/** Runs the test of `corp` and signs in where it says. */
async function testWithLogin(...args: string[]) {
  const testing = startToolgateProcess(['idp', 'test', 'corp', ...args], surroundings());
  const [url] = await testing.until(/http:\/\/\S+\/sign-in\/corp\?test=\S+/);
  const browser = new Browser(gateway.url);
  const page = await browser.follow(url);
  const code = await new Promise<number | null>((resolve) => testing.child.once('close', resolve));
  return { ...testing.text, code, page, browser };
}

test('providers are listed', async () => {
  const { json } = await run('list', '--json');
  assert.deepEqual(json[0], { name: 'corp', title: 'your company account', preset: 'generic', issuer: idp.issuer });
  assert.match((await run('list')).stdout, /^corp +your company account +generic +http/m);
});

test('a real login shows what each rule gives, and changes nothing', async () => {
  const { stdout, code, page, browser } = await testWithLogin();
  assert.equal(code, 0, stdout);
  assert.match(page.text, /The test is complete/);
  for (const line of [
    /^ok +metadata +People sign in at http/m,
    /^ok +keys +\S+ holds 1 keys for signatures/m,
    /^ok +client +The provider accepts the client id and secret\. .*\/sign-in\/callback\/corp/m,
    /^ok +login +ann@corp\.example, subject subject-1$/m,
    /^groups +equals readers +readers others +role reader$/m,
    /^groups +matches team-\* +readers others +nothing$/m,
    /^realm_access\.roles +equals admin +- +nothing$/m,
  ]) {
    assert.match(stdout, line);
  }
  assert.ok(!stdout.includes('\u001b'), 'nothing of the provider reaches the terminal as it is');
  const { body } = await gateway.admin('GET', '/users');
  assert.ok(!body.items.some(({ name }: { name: string }) => name === 'ann@corp.example'), 'no account');
  const afterwards = await browser.get('/sign-in');
  assert.match(afterwards.text, /Continue with/, 'nobody is signed in');
});

test('with --json the result is the only thing on standard output', async () => {
  const { stdout, stderr, code } = await testWithLogin('--json');
  assert.equal(code, 0);
  assert.match(stderr, /Open this in a browser/);
  const { ok, provider, login } = JSON.parse(stdout);
  assert.deepEqual([ok, provider, login.refusal, login.subject], [true, 'corp', null, 'subject-1']);
  assert.deepEqual(
    login.rules.map(({ matched, roles, groups }: never) => [matched, roles, groups]),
    [
      [true, ['reader'], []],
      [false, [], []],
      [false, [], []],
    ],
  );
  assert.deepEqual(login.claims.groups, ['readers', 'others']);
});

test('somebody who may not come is told why, by the exit code as well', async () => {
  idp.person.email = 'eve@elsewhere.example';
  const { stdout, code } = await testWithLogin();
  assert.equal(code, 1);
  assert.match(stdout, /could not sign in here: domain_not_allowed/);
});

for (const [name, line] of [
  ['wrong-secret', /^fail +client +The provider refuses the client id "toolgate" or its secret\.$/m],
  ['wrong-issuer', /^fail +metadata +The metadata cannot be used: /m],
  ['away', /^fail +metadata +The metadata cannot be used: /m],
] as const) {
  test(`what is wrong is named, and no login is offered: ${name}`, async () => {
    const { stdout, stderr, code } = await run('test', name);
    assert.match(stdout, line);
    assert.doesNotMatch(stderr, /Open this/);
    assert.equal(code, 1);
  });
}

test('without a login only what is seen from here is tried', async () => {
  const { json, code } = await run('test', 'corp', '--no-login', '--json');
  assert.deepEqual([code, json.ok, json.login], [0, true, null]);
  const unknown = await run('test', 'nobody');
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /There is no identity provider with this name/);
});

test('only administrators test, and it is recorded without the token', async () => {
  const path = '/identity-providers/corp/test-logins';
  for (const [method, where] of [
    ['GET', '/identity-providers'],
    ['POST', '/identity-providers/corp/test'],
    ['POST', path],
    ['GET', `/identity-providers/test-logins/${'x'.repeat(43)}`],
  ] as const) {
    const refused = await gateway.admin(method, where, undefined, { key: gateway.serviceKey });
    assert.deepEqual([refused.status, refused.body.code], [403, 'admin_required'], where);
  }
  const headers = { 'idempotency-key': 'once' };
  const begun = await gateway.admin('POST', path, undefined, { headers });
  assert.equal(begun.status, 201);
  const again = await gateway.admin('POST', path, undefined, { headers });
  assert.deepEqual(again.body, { token: null, url: null, expiresAt: begun.body.expiresAt });
  const waiting = await gateway.admin('GET', `/identity-providers/test-logins/${begun.body.token}`);
  assert.deepEqual(waiting.body, { status: 'waiting', report: null });
  assert.equal((await gateway.admin('GET', `/identity-providers/test-logins/${'x'.repeat(43)}`)).status, 404);
  const { body } = await gateway.admin('GET', '/audit/events?action=idp.test_login');
  assert.equal(body.items[0].target, 'corp');
  assert.ok(!JSON.stringify(body).includes(begun.body.token));
  assert.ok(!gateway.logs.join('').includes(begun.body.token));
});
