import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { IdentityProviderSchema } from '../../config/issuer-schemas.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { type Database, openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { rolesOfSubject } from '../../store/role-assignments.ts';
import { findUser, updateUser } from '../../store/users.ts';
import { createAssertionAccounts } from './assertion-accounts.ts';
import { externalAccount } from './external-account.ts';

const tenantId = DEFAULT_TENANT;
const ISSUER = 'https://idp.example';
const provider = IdentityProviderSchema.parse({
  name: 'corp',
  issuer: ISSUER,
  clientId: 'toolgate',
  domains: ['corp.example'],
  rules: [{ claim: 'groups', equals: 'eng', roles: ['engineer'] }],
});

let db: Database;
let accountOf: ReturnType<typeof createAssertionAccounts>;
before(async () => {
  db = await openDatabase({ file: ':memory:' });
  await migrate(db);
  accountOf = createAssertionAccounts({ db, providers: () => [provider] });
});
after(() => db.destroy());

test('an assertion finds the account that its subject has when signing in, and leaves its roles alone', async () => {
  const claims = { email: 'ann@corp.example', email_verified: true, groups: ['eng'] };
  const account = await externalAccount(db, provider, { tenantId, issuer: ISSUER, subject: 'ann', claims }, 1);
  if ('refusal' in account) assert.fail(account.refusal);
  const { user } = account;
  const asserted = { issuer: ISSUER, subject: 'ann', claims: {}, createAccount: false };
  assert.deepEqual(await accountOf(asserted), { userId: user.id });
  assert.deepEqual(await rolesOfSubject(db, { tenantId, subject: { kind: 'user', id: user.id } }), ['engineer']);
  assert.equal(await accountOf({ ...asserted, issuer: 'https://other.example' }), null, 'of another issuer');
  const stored = (await findUser(db, user))!;
  await updateUser(db, stored, stored.version, { status: 'disabled' });
  assert.equal(await accountOf(asserted), null, 'disabled');
});

test('an account is made where that is wanted, under the conditions of the provider', async () => {
  const ben = { issuer: ISSUER, subject: 'ben', claims: { email: 'ben@corp.example', email_verified: true } };
  assert.equal(await accountOf({ ...ben, createAccount: false }), null);
  const stranger = { ...ben, subject: 'eve', claims: { email: 'eve@evil.example', email_verified: true } };
  assert.equal(await accountOf({ ...stranger, createAccount: true }), null);
  const made = await accountOf({ ...ben, createAccount: true });
  assert.equal((await findUser(db, { tenantId, id: made!.userId }))?.name, 'ben@corp.example');
  assert.deepEqual(await accountOf({ ...ben, createAccount: false }), made);
});

test('a new account is named by the claim that is configured for it, never taking one that exists', async () => {
  const machine = (subject: string, claims: Record<string, unknown>) =>
    accountOf({ issuer: 'https://tokens.example', subject, claims, createAccount: true, nameClaim: 'upn' });
  const made = await machine('1', { upn: 'carl' });
  assert.equal((await findUser(db, { tenantId, id: made!.userId }))?.name, 'carl');
  assert.equal(await machine('2', { upn: 'Carl' }), null);
  const odd = await machine('3', { upn: 'a\u0007b' });
  assert.equal((await findUser(db, { tenantId, id: odd!.userId }))?.name, 'https://tokens.example#3');
});

test('the value of another claim is not taken for the `sub` of somebody who signs in at the same issuer', async () => {
  const claims = { email: 'finn@corp.example', email_verified: true };
  const signedIn = await externalAccount(db, provider, { tenantId, issuer: ISSUER, subject: 'finn', claims }, 1);
  if ('refusal' in signedIn) assert.fail(signedIn.refusal);
  // A person may choose what stands in such a claim.
  const token = { issuer: ISSUER, subject: 'finn', subjectClaim: 'preferred_username', claims: {} };
  assert.equal(await accountOf({ ...token, createAccount: false }), null);
  const named = { email: 'gus@corp.example', email_verified: true };
  const own = await accountOf({ ...token, claims: named, createAccount: true });
  assert.notEqual(own?.userId, signedIn.user.id);
  assert.deepEqual(await accountOf({ ...token, createAccount: false }), own);
  assert.deepEqual(await accountOf({ ...token, subjectClaim: 'sub', createAccount: false }), {
    userId: signedIn.user.id,
  });
  // Nor does an address lead over: it may have been given to another person of the same provider.
  const linking = { ...provider, linkByEmail: true };
  const gus = await externalAccount(db, linking, { tenantId, issuer: ISSUER, subject: 'gus', claims: named }, 1);
  assert.equal('refusal' in gus && gus.refusal, 'account_of_other_subject');
});

test('an account that another issuer let somebody name by an address is not linked to whoever has that address', async () => {
  const linking = { ...provider, linkByEmail: true };
  const signIn = (name: string) =>
    externalAccount(
      db,
      linking,
      { tenantId, issuer: ISSUER, subject: name, claims: { email: `${name}@corp.example`, email_verified: true } },
      1,
    );
  const made = (name: string, claims: Record<string, unknown>) =>
    accountOf({
      ...{ issuer: 'https://tokens.example', subject: `of ${name}`, createAccount: true, nameClaim: 'upn' },
      claims: { upn: `${name}@corp.example`, ...claims },
    });
  assert.ok(await made('boss', {}));
  const boss = await signIn('boss');
  assert.equal('refusal' in boss && boss.refusal, 'account_of_other_subject');
  // Both know the person by the same address.
  const account = await made('dora', { email: 'Dora@corp.example', email_verified: true });
  const dora = await signIn('dora');
  assert.equal('user' in dora && dora.user?.id, account!.userId);
});
