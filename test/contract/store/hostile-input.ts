import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAccessKey, insertAccessKey } from '../../../src/store/access-keys.ts';
import { findGroupByName } from '../../../src/store/groups.ts';
import { loadKeyByHash } from '../../../src/store/load-key-by-hash.ts';
import { assignRole, listRoleAssignments, rolesOfPrincipal } from '../../../src/store/role-assignments.ts';
import { allRoles, findRole, insertRole } from '../../../src/store/roles.ts';
import { findSecret } from '../../../src/store/secrets.ts';
import { findSetting, putSetting } from '../../../src/store/settings.ts';
import { findUser, findUserByName, listUsers, updateUser } from '../../../src/store/users.ts';
import { keyFor, NOW, newDataKey, newSecret, newTenant, newUser, rejectsWith, type Suite } from './fixture.ts';

const INJECTIONS = [
  `' OR '1'='1`,
  `" or 1=1 --`,
  `eq "x" or 1=1`,
  `'; DROP TABLE users; --`,
  `x'); DELETE FROM access_keys; --`,
  `\\'; SELECT 1; --`,
  `?`,
  `$1`,
  `:name`,
  `%`,
  `_`,
  `*`,
  `NULL`,
  `\u0001hash`,
  `/*`,
  `\r\n\t`,
];

const UNICODE = [
  'Zoë',
  'Zoe\u0308',
  '日本語',
  '😀👩‍👩‍👧‍👦',
  '\u202etxt.exe',
  '\ud83d\ude00',
  'ﬁ',
  '\uffff',
  'a'.repeat(100_000),
];

export const hostileInput: Suite = (db) => {
  test('SQL in a value is a value, wherever it is written or asked for', async () => {
    const tenantId = await newTenant(db());
    const ann = await newUser(db(), tenantId, 'ann');
    const { id: dataKeyId } = await newDataKey(db(), tenantId);
    for (const text of INJECTIONS) {
      // Asked for: finds nothing, not everything.
      assert.equal(await findUser(db(), { tenantId, id: text }), null);
      assert.equal(await findUser(db(), { tenantId: text, id: ann.id }), null);
      assert.equal(await findUserByName(db(), { tenantId, name: text }), null);
      assert.equal(await findGroupByName(db(), { tenantId, name: text }), null);
      assert.equal(await findAccessKey(db(), { tenantId, id: text }), null);
      assert.equal(await loadKeyByHash(db(), text), null);
      assert.deepEqual(await rolesOfPrincipal(db(), { tenantId, kind: 'user', id: text }), []);
      assert.deepEqual((await listRoleAssignments(db(), { tenantId, limit: 9, role: text })).items, []);
      assert.deepEqual((await listUsers(db(), { tenantId: text, limit: 9 })).items, []);
      // Written: comes back as it was.
      const user = await newUser(db(), tenantId, `${text}.`);
      const renamed = await updateUser(db(), user, 1, { displayName: text });
      assert.deepEqual([renamed?.name, renamed?.displayName], [`${text}.`, text]);
      const role = { tenantId, name: text, description: text, allow: [{ upstream: text }], deny: [], createdAt: NOW };
      assert.deepEqual((await insertRole(db(), role)).allow, [{ upstream: text }]);
      assert.equal((await findRole(db(), { tenantId, name: text }))?.description, text);
      await assignRole(db(), { tenantId, role: text, subject: { kind: 'user', id: user.id } });
      assert.deepEqual(await rolesOfPrincipal(db(), { tenantId, kind: 'user', id: user.id }), [text]);
      const input = keyFor(user, { name: text, cidrs: [text], tools: [text], roles: [text] });
      const key = await insertAccessKey(db(), input);
      assert.deepEqual((await loadKeyByHash(db(), input.hash))?.key, key);
      const secret = { tenantId, upstream: text, owner: { kind: 'user', id: text }, name: text } as const;
      await newSecret(db(), secret, dataKeyId);
      assert.equal((await findSecret(db(), secret))?.upstream, text);
      await putSetting(db(), { tenantId, key: text }, text);
      assert.equal(await findSetting(db(), { tenantId, key: text }), text);
    }
    assert.equal((await listUsers(db(), { tenantId, limit: 100 })).items.length, INJECTIONS.length + 1);
    assert.equal((await allRoles(db(), tenantId)).length, INJECTIONS.length);
    assert.deepEqual(await findUser(db(), ann), ann);
  });

  test('a cursor that nobody was given starts or ends a list, and reaches nothing else', async () => {
    const tenantId = await newTenant(db());
    const user = await newUser(db(), tenantId);
    for (const after of [...INJECTIONS, ...UNICODE]) {
      const { items } = await listUsers(db(), { tenantId, after, limit: 9 });
      assert.ok(items.length === 0 || (items.length === 1 && items[0]!.id === user.id));
    }
  });

  test('text of any script comes back unchanged, and its forms stay apart except as logins', async () => {
    const tenantId = await newTenant(db());
    for (const text of UNICODE) {
      await putSetting(db(), { tenantId, key: text.slice(0, 500) }, text);
      assert.equal(await findSetting(db(), { tenantId, key: text.slice(0, 500) }), text);
    }
    await newUser(db(), tenantId, 'Zoë');
    await rejectsWith('conflict', newUser(db(), tenantId, 'Zoe\u0308'));
  });

  test('U+0000 is refused in every column and every condition, before it reaches the engine', async () => {
    const tenantId = await newTenant(db());
    await rejectsWith('unprocessable', newUser(db(), tenantId, 'a\0b'), /U\+0000/);
    await rejectsWith('unprocessable', findUser(db(), { tenantId, id: '\0' }), /U\+0000/);
    await rejectsWith('unprocessable', loadKeyByHash(db(), 'a\0'), /U\+0000/);
    assert.deepEqual((await listUsers(db(), { tenantId, limit: 9 })).items, []);
  });

  test('64-bit numbers come back as exact numbers', async () => {
    const user = await newUser(db(), await newTenant(db()));
    const times = [0, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
    for (const [index, time] of times.entries()) {
      const changed = await updateUser(db(), user, index + 1, {}, time);
      assert.equal(changed?.updatedAt, time);
    }
    const input = keyFor(user, { createdAt: Number.MAX_SAFE_INTEGER, expiresAt: Number.MAX_SAFE_INTEGER });
    await insertAccessKey(db(), input);
    const key = (await loadKeyByHash(db(), input.hash))?.key;
    assert.deepEqual([key?.createdAt, key?.expiresAt], [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]);
  });
};
