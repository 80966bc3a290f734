import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Caller } from '../model/principal.ts';
import { adminLevel, requireAdmin } from './authorize.ts';

const caller = (roles: readonly string[], restriction?: Caller['restriction']): Caller => ({
  tenantId: 'default',
  principal: { kind: 'user', id: 'usr_1', name: 'ann' },
  agent: { kind: 'access_key', id: 'key_1', name: 'cli' },
  roles,
  ...(restriction && { restriction }),
});

test('owner and admin administer, no other role does, whatever it is called', () => {
  assert.equal(adminLevel(caller(['engineer', 'owner'])), 'owner');
  assert.equal(adminLevel(caller(['admin', 'owner'])), 'owner');
  assert.equal(adminLevel(caller(['admin'])), 'admin');
  for (const role of ['Owner', 'ADMIN', 'owner ', 'administrator', 'full-access', '*']) {
    assert.equal(adminLevel(caller([role])), 'none', role);
  }
  assert.equal(adminLevel(caller([])), 'none');
});

test('a key only takes away: roles narrow to the lower level, a tool filter to none', () => {
  assert.equal(adminLevel(caller(['owner'], { roles: ['admin'], tools: [] })), 'admin');
  assert.equal(adminLevel(caller(['admin'], { roles: ['owner'], tools: [] })), 'admin');
  assert.equal(adminLevel(caller(['engineer'], { roles: ['owner'], tools: [] })), 'none');
  assert.equal(adminLevel(caller(['owner'], { roles: ['engineer'], tools: [] })), 'none');
  assert.equal(adminLevel(caller(['owner'], { roles: [], tools: ['*'] })), 'none');
  assert.equal(adminLevel(caller(['owner'], { roles: [], tools: [] })), 'owner');
});

test('no restriction ever gives more than there was without it', () => {
  const rank = { none: 0, admin: 1, owner: 2 };
  const roles = fc.subarray(['owner', 'admin', 'engineer', '']);
  fc.assert(
    fc.property(roles, roles, fc.subarray(['*', 'a__b']), (own, narrowed, tools) => {
      const limited = adminLevel(caller(own, { roles: narrowed, tools }));
      assert.ok(rank[limited] <= rank[adminLevel(caller(own))]);
    }),
  );
});

test('whoever is kept out only by the limits of a key is told so', () => {
  assert.throws(() => requireAdmin(caller(['owner'], { roles: [], tools: ['a__*'] })), /limited/);
  assert.throws(() => requireAdmin(caller(['engineer'])), /owner or admin role/);
  assert.doesNotThrow(() => requireAdmin(caller(['admin'])));
});
