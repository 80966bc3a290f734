import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimRuleSchema } from '../config/issuer-schemas.ts';
import { applyClaimRules, claimValues } from './claim-rules.ts';

const rule = (text: Record<string, unknown>) => ClaimRuleSchema.parse({ roles: ['r'], ...text });

test('a claim is found by its whole name first, then by a path', () => {
  const claims = {
    groups: ['a', 7, true, null, { b: 'c' }],
    'https://example.com/roles': ['ns'],
    realm_access: { roles: ['deep'], 'x.y': 'no path' },
    'realm_access.kind': 'flat',
  };
  assert.deepEqual(claimValues(claims, 'groups'), ['a', '7', 'true']);
  assert.deepEqual(claimValues(claims, 'https://example.com/roles'), ['ns']);
  assert.deepEqual(claimValues(claims, 'realm_access.roles'), ['deep']);
  assert.deepEqual(claimValues(claims, 'realm_access.kind'), ['flat']);
  for (const nothing of ['realm_access', 'realm_access.x.y', 'missing', 'groups.0', 'groups.length']) {
    assert.deepEqual(claimValues(claims, nothing), [], nothing);
  }
});

test('what objects inherit is no claim', () => {
  for (const name of ['constructor', 'constructor.name', 'toString', '__proto__', '__proto__.constructor.name']) {
    assert.deepEqual(claimValues({}, name), [], name);
  }
  const hostile = JSON.parse('{"__proto__":{"groups":["admin"]}}') as Record<string, unknown>;
  assert.deepEqual(claimValues(hostile, 'groups'), []);
});

test('rules that match add up; nothing is given twice', () => {
  const given = applyClaimRules(
    [
      rule({ claim: 'groups', equals: 'eng', roles: ['b', 'a'], groups: ['Engineers'] }),
      rule({ claim: 'groups', matches: 'e*', roles: ['a'] }),
      rule({ claim: 'groups', equals: 'e*', roles: ['literal star'] }),
      rule({ claim: 'groups', equals: 'ENG', roles: ['other case'] }),
      rule({ claim: 'missing', matches: '*', roles: ['everybody'] }),
    ],
    { groups: ['eng'] },
  );
  assert.deepEqual([given.roles, given.groups], [['a', 'b'], ['Engineers']]);
  assert.deepEqual(
    given.trace.map(({ matched }) => matched),
    [true, true, false, false, false],
  );
});
