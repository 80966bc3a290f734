import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Secret as OtpSecret, TOTP } from 'otpauth';
import { createSetupLink } from '../../src/identity/create-setup-link.ts';
import { totpEntry } from '../../src/identity/totp.ts';
import { Secret } from '../../src/lib/secret.ts';
import type { Maker } from '../../src/model/maker.ts';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { findLocalCredential, putPassword, setTotpConfirmed } from '../../src/store/local-credentials.ts';
import { assignRole } from '../../src/store/role-assignments.ts';
import { findUser, type User, updateUser } from '../../src/store/users.ts';
import type { Browser, PageAnswer } from '../oauth-browser.ts';
import { cheapHash, type SignInSite, startSignInSite } from '../sign-in-site.ts';

const PASSWORD = 'correct horse battery staple';
const RETURN_TO = '/oauth/interaction/x';
const MINUTE = 60_000;

describe('local accounts', () => {
  let site: SignInSite;
  let count = 0;
  before(async () => {
    site = await startSignInSite();
  });
  after(() => site.close());

  const newName = (): string => `person-${++count}@example.org`;

  async function linkFor(user: User, purpose: 'setup' | 'recovery' = 'setup'): Promise<string> {
    const { token } = await createSetupLink(site.db, {
      userId: user.id,
      purpose,
      maker: { id: 'usr_owner', level: 'owner' },
    });
    return `/setup/${token.reveal()}`;
  }

  /** An account with a password, and with a second factor if asked for. */
  async function newAccount(withTotp = false): Promise<{ user: User; totp: TOTP }> {
    const user = await site.newUser(newName());
    const ref = { tenantId: DEFAULT_TENANT, userId: user.id };
    await putPassword(site.db, ref, cheapHash(PASSWORD), site.now());
    const secret = new OtpSecret({ size: 20 });
    await site.vault.put(totpEntry(DEFAULT_TENANT, user.id), new Secret(secret.base32));
    if (withTotp) await setTotpConfirmed(site.db, ref, site.now(), null);
    return { user, totp: new TOTP({ secret }) };
  }

  async function signIn(browser: Browser, login: string, password: string, returnTo = RETURN_TO): Promise<PageAnswer> {
    const page = await browser.get(`/sign-in?return_to=${encodeURIComponent(returnTo)}`);
    return browser.post('/sign-in', { csrf: page.csrf, return_to: returnTo, login, password });
  }

  const whoIs = async (browser: Browser): Promise<string | null> =>
    (JSON.parse((await browser.get(RETURN_TO)).text) as { user: string | null }).user;
  const credentialOf = (user: User) => findLocalCredential(site.db, { tenantId: DEFAULT_TENANT, userId: user.id });
  const eventsOf = (user: User) =>
    site.events.filter(({ principalId }) => principalId === user.id).map(({ action, reason }) => [action, reason]);

  test('a setup link gives a password once, and signs in', async () => {
    const user = await site.newUser(newName());
    const path = await linkFor(user);
    const browser = site.newBrowser();
    const page = await browser.get(path);
    assert.equal(page.status, 200);
    const form = { csrf: page.csrf, password: PASSWORD, password_again: PASSWORD };
    assert.match((await browser.post(path, { ...form, password_again: 'x' })).alert!, /not the same/);
    assert.match(
      (await browser.post(path, { ...form, password: 'short', password_again: 'short' })).alert!,
      /too short/,
    );
    assert.match((await browser.post(path, { ...form, code: '000000' })).alert!, /code is wrong/);
    const key = /<code class="key">([^<]+)</.exec(page.text)![1]!.replaceAll(' ', '');
    const totp = new TOTP({ secret: OtpSecret.fromBase32(key) });
    const code = totp.generate({ timestamp: site.now() });
    assert.equal((await browser.post(path, { ...form, code })).location, '/sign-in');
    assert.equal(await whoIs(browser), user.name);
    assert.equal((await signIn(site.newBrowser(), user.name, PASSWORD)).location, '/sign-in/totp');
    assert.match((await browser.get('/sign-in')).text, /You are signed in/);
    for (const again of [await browser.get(path), await browser.post(path, form)]) {
      assert.equal(again.status, 404);
      assert.match(again.text, /This link cannot be used/);
      assert.match(again.text, /works once.*toolgate user setup-link NAME/s);
      assert.doesNotMatch(again.text, /was not completed/);
    }
    assert.deepEqual(eventsOf(user), [
      ['account.set_up', undefined],
      ['login.ok', undefined],
    ]);
  });

  test('a link that no owner made does nothing once its user has become an owner', async () => {
    const [user, admin, owner] = await Promise.all([0, 1, 2].map(() => site.newUser(newName())));
    const tenantId = DEFAULT_TENANT;
    const makeOwner = ({ id }: User) => assignRole(site.db, { tenantId, role: 'owner', subject: { kind: 'user', id } });
    await makeOwner(owner!);
    const pathBy = async (id: string, level: Maker['level']) => {
      const { token } = await createSetupLink(site.db, { userId: user!.id, purpose: 'recovery', maker: { id, level } });
      return `/setup/${token.reveal()}`;
    };
    const path = await pathBy(admin!.id, 'admin');
    const browser = site.newBrowser();
    const { status, csrf } = await browser.get(path);
    assert.equal(status, 200);
    await makeOwner(user!);
    assert.equal((await browser.get(path)).status, 404);
    const form = { csrf, password: PASSWORD, password_again: PASSWORD };
    assert.equal((await browser.post(path, form)).status, 404);
    assert.equal(await credentialOf(user!), null);
    assert.equal((await browser.get(await pathBy(owner!.id, 'owner'))).status, 200);
    assert.equal((await browser.get(await pathBy('local-operator', 'owner'))).status, 200);
  });

  test('the right password signs in and goes on, whatever the case of the name', async () => {
    const { user } = await newAccount();
    const browser = site.newBrowser();
    const answer = await signIn(browser, ` ${user.name.toUpperCase()} `, PASSWORD);
    assert.deepEqual([answer.status, answer.onwards], [200, RETURN_TO]);
    assert.equal(await whoIs(browser), user.name);
  });

  test('every sign-in has a session id of its own, and ends the session before it', async () => {
    const { user } = await newAccount();
    const browser = site.newBrowser();
    await signIn(browser, user.name, PASSWORD);
    const first = browser.cookie('toolgate_session')!;
    await signIn(browser, user.name, PASSWORD);
    assert.notEqual(browser.cookie('toolgate_session'), first);
    const thief = site.newBrowser();
    await thief.get('/sign-in');
    thief.setCookie('toolgate_session', first);
    assert.equal(await whoIs(thief), null);
    // A planted id is not taken over either.
    const planted = 'A'.repeat(43);
    thief.setCookie('toolgate_session', planted);
    await signIn(thief, user.name, PASSWORD);
    assert.notEqual(thief.cookie('toolgate_session'), planted);
  });

  test('no answer tells whether there is an account, or what is wrong with it', async () => {
    const { user } = await newAccount();
    const disabled = (await newAccount()).user;
    await updateUser(site.db, disabled, disabled.version, { status: 'disabled' });
    const locked = (await newAccount()).user;
    for (let i = 0; i < 5; i++) await signIn(site.newBrowser(), locked.name, 'wrong password');
    const withoutPassword = await site.newUser(newName());
    const answers: string[] = [];
    for (const [login, password] of [
      [user.name, 'wrong password'],
      ['nobody@example.org', PASSWORD],
      [disabled.name, PASSWORD],
      [locked.name, PASSWORD],
      [withoutPassword.name, PASSWORD],
    ] as const) {
      const { status, text } = await signIn(site.newBrowser(), login, password);
      answers.push(`${status} ${text.replaceAll(login, 'NAME').replaceAll(/name="csrf" value="[^"]*"/g, '')}`);
    }
    assert.equal(new Set(answers).size, 1);
    assert.match(answers[0]!, /^422 /);
    assert.deepEqual(eventsOf(withoutPassword), [['login.failed', 'no_password']]);
  });

  test('five failures lock the account, longer each time, and the right password unlocks it afterwards', async () => {
    const { user } = await newAccount();
    for (let i = 0; i < 5; i++) await signIn(site.newBrowser(), user.name, 'wrong password');
    assert.deepEqual(eventsOf(user).slice(-2), [
      ['login.failed', 'wrong_password'],
      ['login.locked', 'too_many_failures'],
    ]);
    assert.equal((await signIn(site.newBrowser(), user.name, PASSWORD)).status, 422);
    assert.deepEqual(eventsOf(user).at(-1), ['login.failed', 'account_locked']);
    site.later(16 * MINUTE);
    await signIn(site.newBrowser(), user.name, 'wrong password');
    site.later(16 * MINUTE);
    assert.equal((await signIn(site.newBrowser(), user.name, PASSWORD)).status, 422, 'now for half an hour');
    site.later(15 * MINUTE);
    assert.equal((await signIn(site.newBrowser(), user.name, PASSWORD)).status, 200);
    assert.equal((await credentialOf(user))?.failedAttempts, 0);
  });

  test('the second factor is asked for after the password, and each code is good once', async () => {
    const { user, totp } = await newAccount(true);
    site.later(MINUTE);
    const browser = site.newBrowser();
    assert.equal((await signIn(browser, user.name, PASSWORD)).location, '/sign-in/totp');
    assert.equal(await whoIs(browser), null, 'not signed in yet');
    const page = await browser.get('/sign-in/totp');
    const code = totp.generate({ timestamp: site.now() });
    assert.equal(
      (await browser.post('/sign-in/totp', { csrf: page.csrf, code: code === '000000' ? '1' : '000000' })).status,
      422,
    );
    assert.equal((await browser.post('/sign-in/totp', { csrf: page.csrf, code })).onwards, RETURN_TO);
    assert.equal(await whoIs(browser), user.name);
    const other = site.newBrowser();
    await signIn(other, user.name, PASSWORD);
    const again = await other.post('/sign-in/totp', { csrf: (await other.get('/sign-in/totp')).csrf, code });
    assert.equal(again.status, 422);
    assert.deepEqual(eventsOf(user).at(-1), ['login.failed', 'code_used']);
    assert.equal((await site.newBrowser().get('/sign-in/totp')).location, '/sign-in', 'not without a password');
  });

  test('a known password allows five guesses at the code, not more', async () => {
    const { user } = await newAccount(true);
    let guesses = 0;
    for (let round = 0; round < 4; round++) {
      const browser = site.newBrowser();
      if ((await signIn(browser, user.name, PASSWORD)).location !== '/sign-in/totp') break;
      const { csrf } = await browser.get('/sign-in/totp');
      for (let i = 0; i < 3; i++) {
        await browser.post('/sign-in/totp', { csrf, code: 'guess!' });
        if (eventsOf(user).at(-1)?.[1] === 'wrong_code') guesses++;
      }
    }
    const wrong = eventsOf(user).filter(([, reason]) => reason === 'wrong_code');
    assert.equal(wrong.length, 5, String(guesses));
    assert.notEqual((await credentialOf(user))?.lockedUntil, null);
  });

  test('a recovery link replaces the password and removes the second factor; nobody stays signed in', async () => {
    const { user, totp } = await newAccount(true);
    const browser = site.newBrowser();
    await signIn(browser, user.name, PASSWORD);
    site.later(MINUTE);
    const code = totp.generate({ timestamp: site.now() });
    await browser.post('/sign-in/totp', { csrf: (await browser.get('/sign-in/totp')).csrf, code });
    assert.equal(await whoIs(browser), user.name);
    const path = await linkFor(user, 'recovery');
    const another = site.newBrowser();
    const page = await another.get(path);
    assert.match(page.text, /Choose a new password/);
    const password = 'quite another phrase here';
    await another.post(path, { csrf: page.csrf, password, password_again: password });
    assert.equal(await whoIs(browser), null);
    assert.equal(await whoIs(another), user.name);
    assert.equal((await signIn(site.newBrowser(), user.name, PASSWORD)).status, 422);
    assert.equal((await signIn(site.newBrowser(), user.name, password)).onwards, RETURN_TO);
    assert.equal((await credentialOf(user))?.totpConfirmedAt, null);
  });

  test('a session ends when its user is disabled, when it is unused, and when the person signs out', async () => {
    const { user } = await newAccount();
    const browser = site.newBrowser();
    await signIn(browser, user.name, PASSWORD, '/');
    const page = await browser.get('/sign-in');
    assert.equal((await browser.post('/sign-out', { csrf: 'wrong' })).location, '/sign-in');
    assert.equal(await whoIs(browser), user.name);
    assert.equal((await browser.post('/sign-out', { csrf: page.csrf })).location, '/signed-out');
    assert.equal(await whoIs(browser), null);
    assert.deepEqual(eventsOf(user).at(-1), ['login.ended', 'signed_out']);
    await signIn(browser, user.name, PASSWORD);
    site.later(11 * 60 * MINUTE);
    assert.equal(await whoIs(browser), user.name);
    site.later(13 * 60 * MINUTE);
    assert.equal(await whoIs(browser), null);
    await signIn(browser, user.name, PASSWORD);
    const stored = (await findUser(site.db, user))!;
    await updateUser(site.db, stored, stored.version, { status: 'disabled' });
    assert.equal(await whoIs(browser), null);
  });

  test('without local accounts no password is asked for or taken', async () => {
    const { user } = await newAccount();
    const { csrf } = await site.newBrowser().get('/sign-in');
    const settings = site.settings;
    site.settings = { ...settings, localAccounts: false };
    try {
      const browser = site.newBrowser();
      assert.doesNotMatch((await browser.get('/sign-in')).text, /<form/);
      assert.equal((await browser.post('/sign-in', { csrf, login: user.name, password: PASSWORD })).status, 404);
      assert.equal((await browser.get(await linkFor(user))).status, 404);
    } finally {
      site.settings = settings;
    }
  });
});
