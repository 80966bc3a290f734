import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  deleteBrowserSession,
  deleteBrowserSessionsOfProvider,
  deleteBrowserSessionsOfUser,
  deleteEndedBrowserSessions,
  findLiveBrowserSession,
  insertBrowserSession,
  listBrowserSessions,
  type StoredBrowserSession,
  touchBrowserSession,
} from '../../../src/store/browser-sessions.ts';
import {
  deleteExternalIdentity,
  findExternalIdentity,
  insertExternalIdentity,
  listExternalIdentities,
  updateExternalIdentity,
} from '../../../src/store/external-identities.ts';
import {
  deleteExpiredLoginStates,
  findLoginState,
  insertLoginState,
  type LoginState,
  takeLoginState,
} from '../../../src/store/login-states.ts';
import {
  deleteExpiredSetupLinks,
  deleteSetupLink,
  findUsableSetupLink,
  insertSetupLink,
  listUsableSetupLinks,
  type SetupLink,
  useSetupLink,
} from '../../../src/store/setup-links.ts';
import { deleteUser, type User, updateUser } from '../../../src/store/users.ts';
import { NOW, newTenant, newUser, rejectsWith, type Suite } from './fixture.ts';

const sessionOf = (user: User, idHash: string, more: Partial<StoredBrowserSession> = {}): StoredBrowserSession => ({
  tenantId: user.tenantId,
  idHash,
  userId: user.id,
  methods: ['pwd', 'otp'],
  address: '192.0.2.1',
  userAgent: 'Browser/1',
  provider: null,
  providerSession: null,
  logoutHint: null,
  epoch: user.epoch,
  createdAt: NOW,
  authenticatedAt: NOW,
  lastSeenAt: NOW,
  expiresAt: NOW + 1000,
  ...more,
});

const linkFor = (user: User, tokenHash: string, more: Partial<SetupLink> = {}): SetupLink => ({
  tenantId: user.tenantId,
  tokenHash,
  userId: user.id,
  purpose: 'setup',
  maker: { id: user.id, level: 'owner' },
  createdAt: NOW,
  expiresAt: NOW + 1000,
  ...more,
});

export const browserSessions: Suite = (db) => {
  const at = (now: number) => ({ now, seenAfter: now - 500 });

  test('a session is found while it is in force, with whose it is', async () => {
    const ann = await newUser(db(), await newTenant(db()));
    const session = sessionOf(ann, 'a');
    await insertBrowserSession(db(), session);
    assert.deepEqual(await findLiveBrowserSession(db(), session, at(NOW)), { ...session, userName: ann.name });
    assert.equal(await findLiveBrowserSession(db(), { ...session, idHash: 'b' }, at(NOW)), null);
    assert.equal(await findLiveBrowserSession(db(), session, at(NOW + 501)), null, 'not seen for too long');
    await touchBrowserSession(db(), session, NOW + 600);
    assert.equal((await findLiveBrowserSession(db(), session, at(NOW + 999)))?.lastSeenAt, NOW + 600);
    assert.equal(await findLiveBrowserSession(db(), session, at(NOW + 1000)), null, 'past its end');
  });

  test('a session ends with a disabled user and with a raised epoch', async () => {
    const tenantId = await newTenant(db());
    const ann = await newUser(db(), tenantId);
    await insertBrowserSession(db(), sessionOf(ann, 'a'));
    const disabled = await updateUser(db(), ann, ann.version, { status: 'disabled' }, NOW);
    assert.equal(await findLiveBrowserSession(db(), { tenantId, idHash: 'a' }, at(NOW)), null);
    await updateUser(db(), ann, disabled!.version, { status: 'active' }, NOW);
    assert.equal(await findLiveBrowserSession(db(), { tenantId, idHash: 'a' }, at(NOW)), null, 'the old epoch');
  });

  test('sessions end one by one, by user, by provider session, and with their user', async () => {
    const tenantId = await newTenant(db());
    const ann = await newUser(db(), tenantId);
    const ben = await newUser(db(), tenantId);
    const idp = { provider: 'okta', logoutHint: 'sealed' };
    await insertBrowserSession(db(), sessionOf(ann, 'a', { ...idp, providerSession: 's1' }));
    await insertBrowserSession(db(), sessionOf(ann, 'b', { ...idp, providerSession: 's2', createdAt: NOW + 1 }));
    await insertBrowserSession(db(), sessionOf(ann, 'c', { createdAt: NOW + 2 }));
    await insertBrowserSession(db(), sessionOf(ben, 'd', { provider: 'other', providerSession: 's1' }));
    const left = async (user: User) =>
      (await listBrowserSessions(db(), { tenantId, userId: user.id })).map(({ idHash }) => idHash);
    assert.deepEqual(await left(ann), ['c', 'b', 'a'], 'newest first');
    const ended = await deleteBrowserSessionsOfProvider(db(), { tenantId, provider: 'okta', providerSession: 's1' });
    assert.deepEqual(
      ended.map(({ idHash, logoutHint }) => [idHash, logoutHint]),
      [['a', 'sealed']],
    );
    await deleteBrowserSessionsOfProvider(db(), { tenantId, provider: 'okta', userId: ann.id });
    assert.deepEqual(await left(ann), ['c']);
    assert.equal((await deleteBrowserSession(db(), { tenantId, idHash: 'c' }))?.userId, ann.id);
    assert.equal(await deleteBrowserSession(db(), { tenantId, idHash: 'c' }), null);
    assert.deepEqual(await left(ben), ['d']);
    assert.equal(await deleteBrowserSessionsOfUser(db(), { tenantId, userId: ben.id }), 1);
    await insertBrowserSession(db(), sessionOf(ben, 'e'));
    await deleteUser(db(), ben);
    assert.deepEqual(await left(ben), []);
  });

  test('sweeping forgets what ended or was not seen, and nothing else', async () => {
    const ann = await newUser(db(), await newTenant(db()));
    await insertBrowserSession(db(), sessionOf(ann, 'ended', { expiresAt: NOW }));
    await insertBrowserSession(db(), sessionOf(ann, 'idle', { lastSeenAt: NOW - 501 }));
    await insertBrowserSession(db(), sessionOf(ann, 'live'));
    await deleteEndedBrowserSessions(db(), at(NOW));
    const left = await listBrowserSessions(db(), { tenantId: ann.tenantId, userId: ann.id });
    assert.deepEqual(
      left.map(({ idHash }) => idHash),
      ['live'],
    );
  });
};

export const loginStates: Suite = (db) => {
  test('a login state is taken once, by the browser and for the provider that it began with', async () => {
    const tenantId = await newTenant(db());
    const state: LoginState = {
      tenantId,
      stateHash: 's',
      browserHash: 'b',
      provider: 'okta',
      payload: { nonce: 'n', returnTo: '/x' },
      expiresAt: NOW + 1000,
    };
    await insertLoginState(db(), state);
    for (const wrong of [{ stateHash: 'x' }, { browserHash: 'x' }, { provider: 'x' }, { tenantId: 'x' }]) {
      assert.equal(await findLoginState(db(), { ...state, ...wrong }, NOW), null);
      assert.equal(await takeLoginState(db(), { ...state, ...wrong }, NOW), null);
    }
    assert.equal(await takeLoginState(db(), state, NOW + 1000), null, 'over');
    assert.deepEqual(await findLoginState(db(), state, NOW), state);
    const taken = await Promise.all(Array.from({ length: 20 }, () => takeLoginState(db(), state, NOW)));
    assert.deepEqual(
      taken.filter((found) => found !== null),
      [state],
    );
    await insertLoginState(db(), state);
    await deleteExpiredLoginStates(db(), NOW + 999);
    assert.notEqual(await findLoginState(db(), state, NOW), null);
    await deleteExpiredLoginStates(db(), NOW + 1000);
    assert.equal(await findLoginState(db(), state, NOW), null);
  });
};

export const setupLinks: Suite = (db) => {
  test('a setup link is used once, and only while it and its user are good', async () => {
    const ann = await newUser(db(), await newTenant(db()));
    const link = linkFor(ann, 't');
    await insertSetupLink(db(), link);
    assert.deepEqual(await findUsableSetupLink(db(), link, NOW), { ...link, userName: ann.name });
    assert.equal(await findUsableSetupLink(db(), link, NOW + 1000), null);
    const disabled = await updateUser(db(), ann, ann.version, { status: 'disabled' }, NOW);
    assert.equal(await findUsableSetupLink(db(), link, NOW), null);
    await updateUser(db(), ann, disabled!.version, { status: 'active' }, NOW);
    const used = await Promise.all(Array.from({ length: 20 }, () => useSetupLink(db(), link, NOW)));
    assert.equal(used.filter(Boolean).length, 1);
    assert.equal(await findUsableSetupLink(db(), link, NOW), null);
  });

  test('a newer link ends those before it; a link for nobody is refused', async () => {
    const ann = await newUser(db(), await newTenant(db()));
    await insertSetupLink(db(), linkFor(ann, 'first'));
    await insertSetupLink(db(), linkFor(ann, 'second', { purpose: 'recovery' }));
    assert.equal(await findUsableSetupLink(db(), linkFor(ann, 'first'), NOW), null);
    assert.equal((await findUsableSetupLink(db(), linkFor(ann, 'second'), NOW))?.purpose, 'recovery');
    const ref = { tenantId: ann.tenantId, userId: ann.id };
    assert.deepEqual(await listUsableSetupLinks(db(), ref, NOW), [linkFor(ann, 'second', { purpose: 'recovery' })]);
    assert.deepEqual(await listUsableSetupLinks(db(), ref, NOW + 1000), []);
    await deleteSetupLink(db(), { tenantId: 'other', tokenHash: 'second' });
    assert.equal((await listUsableSetupLinks(db(), ref, NOW)).length, 1);
    await rejectsWith('conflict', insertSetupLink(db(), linkFor({ ...ann, id: 'usr_nobody' }, 'third')));
    await deleteExpiredSetupLinks(db(), NOW + 1000);
    assert.equal(await findUsableSetupLink(db(), linkFor(ann, 'second'), NOW), null);
    await insertSetupLink(db(), linkFor(ann, 'fourth'));
    await deleteSetupLink(db(), linkFor(ann, 'fourth'));
    assert.deepEqual(await listUsableSetupLinks(db(), ref, NOW), []);
  });
};

export const externalIdentities: Suite = (db) => {
  test('an identity is found by issuer and subject, exactly', async () => {
    const tenantId = await newTenant(db());
    const ann = await newUser(db(), tenantId);
    const identity = {
      tenantId,
      issuer: 'https://idp.example',
      subject: 'Sub-1',
      userId: ann.id,
      email: null,
      given: { roles: ['reader'], groups: [] },
      createdAt: NOW,
      lastLoginAt: NOW,
    };
    await insertExternalIdentity(db(), identity);
    assert.deepEqual(await findExternalIdentity(db(), identity), identity);
    for (const other of [{ subject: 'sub-1' }, { issuer: 'https://idp.example/' }, { tenantId: 'other' }]) {
      assert.equal(await findExternalIdentity(db(), { ...identity, ...other }), null);
    }
    await rejectsWith('conflict', insertExternalIdentity(db(), identity));
    const login = { email: 'ann@x.org', given: { roles: [], groups: ['staff'] }, lastLoginAt: NOW + 5 };
    await updateExternalIdentity(db(), identity, login);
    assert.deepEqual(await listExternalIdentities(db(), { tenantId, userId: ann.id }), [{ ...identity, ...login }]);
    assert.equal(await deleteExternalIdentity(db(), identity), true);
    assert.equal(await deleteExternalIdentity(db(), identity), false);
    await insertExternalIdentity(db(), identity);
    await deleteUser(db(), ann);
    assert.equal(await findExternalIdentity(db(), identity), null, 'goes with its user');
  });
};
