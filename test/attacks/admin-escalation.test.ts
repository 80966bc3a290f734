import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createSetupLink } from '../../src/identity/create-setup-link.ts';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { findLocalCredential, putPassword } from '../../src/store/local-credentials.ts';
import { assignRole } from '../../src/store/role-assignments.ts';
import { listUsableSetupLinks } from '../../src/store/setup-links.ts';
import { type Actor, type AdminBench, addActor, openAdminBench } from '../flows/admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

const asAdmin = () => ({ key: bench.admin.key });

async function refusedToAdmin(method: string, path: string, body?: unknown): Promise<void> {
  const answer = await bench.call(method, path, body, { ...asAdmin(), headers: { 'if-match': '*' } });
  assert.equal(answer.status, 403, `${method} ${path}: ${answer.text}`);
  assert.equal(answer.body.code, 'owner_required');
}

test('an admin cannot make anybody an owner: not directly, through a group, or by a document', async () => {
  const { body: group } = await bench.call('POST', '/groups', { name: 'owners' });
  const me = { kind: 'user', id: bench.admin.id };
  await refusedToAdmin('POST', '/role-assignments', { role: 'owner', subject: me });
  // An empty group gives the role to nobody yet.
  await refusedToAdmin('POST', '/role-assignments', { role: 'owner', subject: { kind: 'group', id: group.id } });
  await bench.call('POST', '/role-assignments', { role: 'owner', subject: { kind: 'group', id: group.id } });
  await refusedToAdmin('PUT', `/groups/${group.id}/members/${bench.admin.id}`);
  await refusedToAdmin('POST', '/state/apply', { version: 1, groups: [{ name: 'owners', members: ['adam'] }] });
  await refusedToAdmin('POST', '/state/apply', {
    version: 1,
    roleAssignments: [{ role: 'owner', subject: { kind: 'user', name: 'adam' } }],
  });
  const who = await bench.call('GET', '/whoami', undefined, asAdmin());
  assert.equal(who.body.administers, 'admin');
});

test('an admin cannot take owners away: not by assignment, membership, group, status or removal', async () => {
  const second = await addActor(bench.db, DEFAULT_TENANT, 'user', 'oscar', ['owner']);
  const { body: group } = await bench.call('POST', '/groups', { name: 'board' });
  const member = await addActor(bench.db, DEFAULT_TENANT, 'user', 'orla', []);
  await bench.call('PUT', `/groups/${group.id}/members/${member.id}`);
  await bench.call('POST', '/role-assignments', { role: 'owner', subject: { kind: 'group', id: group.id } });

  await refusedToAdmin('DELETE', `/role-assignments/user/${second.id}/owner`);
  await refusedToAdmin('DELETE', `/role-assignments/group/${group.id}/owner`);
  await refusedToAdmin('DELETE', `/groups/${group.id}/members/${member.id}`);
  await refusedToAdmin('DELETE', `/groups/${group.id}`);
  await refusedToAdmin('POST', `/users/${second.id}/disable`);
  await refusedToAdmin('DELETE', `/users/${second.id}`);
  await refusedToAdmin('POST', '/state/apply', { version: 1, users: [{ name: 'oscar', status: 'disabled' }] });
  assert.ok(await bench.accepts(second.key));
});

test('an admin cannot become an owner by a key of one: not by creating, rotating or widening it', async () => {
  const robot = await addActor(bench.db, DEFAULT_TENANT, 'service_account', 'owner-robot', ['owner']);
  for (const { kind, id, keyId } of [bench.owner, robot] as Actor[]) {
    await refusedToAdmin('POST', '/access-keys', { owner: { kind, id }, name: 'mine' });
    await refusedToAdmin('POST', `/access-keys/${keyId}/rotate`, {});
    await refusedToAdmin('PATCH', `/access-keys/${keyId}`, { roles: [], tools: [], cidrs: [] });
    await refusedToAdmin('POST', `/access-keys/${keyId}/revoke`);
  }
});

test('an admin cannot give an owner, or a group of owners, the name that a rule of the configuration lets others in by', async () => {
  const robot = await addActor(bench.db, DEFAULT_TENANT, 'service_account', 'root-robot', ['owner']);
  const { body: group } = await bench.call('POST', '/groups', { name: 'directors' });
  await bench.call('POST', '/role-assignments', { role: 'owner', subject: { kind: 'group', id: group.id } });
  // Rules give groups and service accounts by name, and people are found by their address.
  await refusedToAdmin('PATCH', `/groups/${group.id}`, { name: 'everybody-at-the-idp' });
  await refusedToAdmin('PATCH', `/service-accounts/${robot.id}`, { name: 'ci-of-acme' });
  await refusedToAdmin('PATCH', `/users/${bench.owner.id}`, { name: 'mallory@example.com' });
  const any = { ...asAdmin(), headers: { 'if-match': '*' } };
  assert.equal((await bench.call('PATCH', `/groups/${group.id}`, { description: 'x' }, any)).status, 200);
  const renamed = await bench.call(
    'PATCH',
    `/groups/${group.id}`,
    { name: 'chiefs' },
    { headers: { 'if-match': '*' } },
  );
  assert.equal(renamed.status, 200, renamed.text);
});

test('an admin does administer what is not an owner’s', async () => {
  const { body: user } = await bench.call('POST', '/users', { name: 'peter' }, asAdmin());
  const owner = { kind: 'user', id: user.id };
  assert.equal(
    (await bench.call('POST', '/role-assignments', { role: 'admin', subject: owner }, asAdmin())).status,
    201,
  );
  assert.equal((await bench.call('POST', '/access-keys', { owner, name: 'k' }, asAdmin())).status, 201);
  assert.equal((await bench.call('POST', `/users/${user.id}/disable`, undefined, asAdmin())).status, 200);
});

/** A user that the API made, as an admin would. */
async function newUser(name: string) {
  const { body } = await bench.call('POST', '/users', { name }, asAdmin());
  return { kind: 'user', id: body.id as string };
}

const keyFor = async (owner: { kind: string; id: string }, key: string): Promise<{ id: string; key: string }> => {
  const answer = await bench.call('POST', '/access-keys', { owner, name: 'made' }, { key });
  assert.equal(answer.status, 201, answer.text);
  return { id: answer.body.accessKey.id, key: answer.body.key };
};

/** Targets of the records of an action. */
async function recorded(action: string): Promise<(string | undefined)[]> {
  await bench.audit.flush();
  const { entries } = await bench.audit.search({ tenantId: DEFAULT_TENANT, action, limit: 100 });
  return entries.filter(({ reason }) => reason === 'made_by_lesser_standing').map(({ target }) => target);
}

test('what an admin made for somebody does not become an owner’s: keys end, those of owners stay', async () => {
  const vera = await newUser('vera');
  const byAdmin = await keyFor(vera, bench.admin.key);
  const byOwner = await keyFor(vera, bench.owner.key);
  const before = await bench.call('POST', '/role-assignments', { role: 'file-role', subject: vera });
  assert.deepEqual(before.body.endedCredentials, [], 'an ordinary role ends nothing');
  const answer = await bench.call('POST', '/role-assignments', { role: 'owner', subject: vera });
  assert.deepEqual(answer.body.endedCredentials, [
    { principal: vera, accessKeys: [{ id: byAdmin.id, name: 'made' }], clients: [], setupLink: false, password: false },
  ]);
  assert.deepEqual([await bench.accepts(byAdmin.key), await bench.accepts(byOwner.key)], [false, true]);
  assert.ok((await recorded('key.revoke')).includes(byAdmin.id));
});

test('nor by a detour: through a key that somebody makes for themselves with it, a rotation, a group or a document', async () => {
  const { body: group } = await bench.call('POST', '/groups', { name: 'promoted' });
  await bench.call('POST', '/role-assignments', { role: 'owner', subject: { kind: 'group', id: group.id } });
  const walter = await newUser('walter');
  await bench.call('POST', '/role-assignments', { role: 'admin', subject: walter });
  const first = await keyFor(walter, bench.admin.key);
  const own = await keyFor(walter, first.key);
  const good = await keyFor(walter, bench.owner.key);
  const ownGood = await keyFor(walter, good.key);
  const rotated = await bench.call('POST', `/access-keys/${good.id}/rotate`, { overlapSeconds: 60 }, asAdmin());
  const added = await bench.call('PUT', `/groups/${group.id}/members/${walter.id}`);
  assert.equal(added.body.endedCredentials.length, 1);
  const accepted = [first.key, own.key, rotated.body.key, good.key, ownGood.key].map((key) => bench.accepts(key));
  assert.deepEqual(await Promise.all(accepted), [false, false, false, true, true]);

  const xenia = await newUser('xenia');
  const { key } = await keyFor(xenia, bench.admin.key);
  const applied = await bench.call('POST', '/state/apply', {
    version: 1,
    roleAssignments: [{ role: 'owner', subject: { kind: 'user', name: 'xenia' } }],
  });
  assert.equal(applied.body.endedCredentials[0].principal.id, xenia.id);
  assert.equal(await bench.accepts(key), false);
});

test('an owner who is none any more is one of them, and so is an admin for who becomes an admin', async () => {
  const former = await addActor(bench.db, DEFAULT_TENANT, 'user', 'former', ['owner']);
  const yara = await newUser('yara');
  const { key } = await keyFor(yara, former.key);
  await bench.call('DELETE', `/role-assignments/user/${former.id}/owner`);
  const asFormer = await bench.call('POST', '/role-assignments', { role: 'admin', subject: yara });
  assert.equal(asFormer.body.endedCredentials[0].accessKeys.length, 1);
  assert.equal(await bench.accepts(key), false);
  const { key: next } = await keyFor(yara, bench.admin.key);
  await bench.call('DELETE', `/role-assignments/user/${yara.id}/admin`);
  const again = await bench.call('POST', '/role-assignments', { role: 'admin', subject: yara });
  assert.deepEqual(again.body.endedCredentials, [], 'an admin may make what is an admin’s');
  assert.equal(await bench.accepts(next), true);
});

test('links of an admin end, and the password that was chosen with one, when the user becomes an owner', async () => {
  const ref = async (name: string) => ({ tenantId: DEFAULT_TENANT, userId: (await newUser(name)).id });
  const [open, set, fine] = [await ref('zoe-open'), await ref('zoe-set'), await ref('zoe-fine')];
  const byAdmin = { id: bench.admin.id, level: 'admin' } as const;
  const byOwner = { id: bench.owner.id, level: 'owner' } as const;
  await createSetupLink(bench.db, { userId: open.userId, purpose: 'recovery', maker: byAdmin });
  await createSetupLink(bench.db, { userId: fine.userId, purpose: 'setup', maker: byOwner });
  await putPassword(bench.db, set, 'hash', 1, byAdmin);
  await putPassword(bench.db, fine, 'hash', 1, byOwner);
  const rise = async (id: string) =>
    (await bench.call('POST', '/role-assignments', { role: 'owner', subject: { kind: 'user', id } })).body;
  const [ended] = (await rise(open.userId)).endedCredentials;
  assert.deepEqual([ended.setupLink, ended.password], [true, false]);
  assert.deepEqual(await listUsableSetupLinks(bench.db, open, Date.now()), []);
  const [second] = (await rise(set.userId)).endedCredentials;
  assert.deepEqual([second.setupLink, second.password], [false, true]);
  assert.equal(await findLocalCredential(bench.db, set), null);
  assert.deepEqual((await rise(fine.userId)).endedCredentials, []);
  assert.equal((await listUsableSetupLinks(bench.db, fine, Date.now())).length, 1);
  assert.ok(await findLocalCredential(bench.db, fine));
  assert.ok((await recorded('user.end_setup_link')).includes(open.userId));
  assert.ok((await recorded('user.end_password')).includes(set.userId));
});

test('a role that is put on a key narrows it and never makes an owner of it', async () => {
  const { body } = await bench.call(
    'POST',
    '/access-keys',
    { owner: { kind: 'user', id: bench.member.id }, name: 'sneaky', roles: ['owner'] },
    asAdmin(),
  );
  assert.equal((await bench.call('GET', '/whoami', undefined, { key: body.key })).body.administers, 'none');
  // Roles of keys are changed with the key: taking the last one away would widen it.
  const taken = await bench.call('DELETE', `/role-assignments/access_key/${body.accessKey.id}/owner`);
  assert.equal(taken.status, 404);
  const given = await bench.call('POST', '/role-assignments', {
    role: 'file-role',
    subject: { kind: 'access_key', id: body.accessKey.id },
  });
  assert.equal(given.status, 422);
});

test('the last active owner cannot be disabled, removed or demoted, in whatever way', async () => {
  const own = await openAdminBench();
  try {
    const last = async (method: string, path: string, body?: unknown) => {
      const answer = await own.call(method, path, body, { headers: { 'if-match': '*' } });
      assert.equal(answer.status, 409, `${method} ${path}: ${answer.text}`);
      assert.match(answer.body.detail, /no active owner/);
    };
    const { id } = own.owner;
    await last('POST', `/users/${id}/disable`);
    await last('DELETE', `/users/${id}`);
    await last('DELETE', `/role-assignments/user/${id}/owner`);
    await last('POST', '/state/apply', { version: 1, users: [{ name: 'olivia', status: 'disabled' }] });
    await last('POST', '/state/apply', { version: 1, users: [], prune: { users: true } });
    await last('POST', '/state/apply', { version: 1, roleAssignments: [], prune: { roleAssignments: true } });

    // A disabled owner is none; an active one lets the first go.
    const second = await addActor(own.db, DEFAULT_TENANT, 'user', 'otto', ['owner']);
    await own.call('POST', `/users/${second.id}/disable`);
    await last('POST', `/users/${id}/disable`);
    await own.call('POST', `/users/${second.id}/enable`);
    assert.equal((await own.call('POST', `/users/${id}/disable`)).status, 200);
    assert.equal((await own.call('GET', '/whoami')).status, 401);
    assert.equal((await own.call('GET', '/users', undefined, { key: second.key })).status, 200);
  } finally {
    await own.close();
  }
});

test('two owners who remove one another at the same time leave one', async () => {
  const own = await openAdminBench();
  try {
    const second = await addActor(own.db, DEFAULT_TENANT, 'user', 'otto', []);
    await assignRole(own.db, { tenantId: DEFAULT_TENANT, role: 'owner', subject: { kind: 'user', id: second.id } });
    const answers = await Promise.all([
      own.call('POST', `/users/${second.id}/disable`, undefined, { key: own.owner.key }),
      own.call('POST', `/users/${own.owner.id}/disable`, undefined, { key: second.key }),
    ]);
    const [done, refused] = answers.map((answer) => answer.status).sort();
    assert.equal(done, 200);
    // Whoever is disabled before the own request is looked at is not known any more.
    assert.ok(refused === 409 || refused === 401);
  } finally {
    await own.close();
  }
});

test('a disabled admin, or one whose role was taken away, administers nothing from the next request on', async () => {
  const fallen = await addActor(bench.db, DEFAULT_TENANT, 'user', 'fallen', ['admin']);
  assert.equal((await bench.call('GET', '/users', undefined, { key: fallen.key })).status, 200);
  await bench.call('DELETE', `/role-assignments/user/${fallen.id}/admin`);
  assert.equal((await bench.call('GET', '/users', undefined, { key: fallen.key })).status, 403);
});
