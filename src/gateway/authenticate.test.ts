import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import type { Caller } from '../model/principal.ts';
import { authenticate } from './authenticate.ts';

const caller = (name: string): Caller => ({
  tenantId: 'default',
  principal: { kind: 'user', id: `usr_${name}`, name },
  agent: { kind: 'access_key', id: `key_${name}`, name },
  roles: [],
});
const verify = (key: string) => caller(key);
const use = (headers: Record<string, string>) => ({
  http: { headers } as unknown as IncomingMessage,
  address: '127.0.0.1',
  resourcePath: '/mcp',
});
const who = (headers: Record<string, string>, anonymous: Caller | null = null) => {
  const result = authenticate(use(headers), verify, anonymous);
  assert.ok(!(result instanceof Promise));
  return result.principal.name;
};

test('the credential is taken from Authorization, X-Api-Key or X-Toolgate-Key', () => {
  assert.equal(who({ authorization: 'Bearer a' }), 'a');
  assert.equal(who({ authorization: 'bearer  a' }), 'a');
  assert.equal(who({ 'x-api-key': 'b' }), 'b');
  assert.equal(who({ 'x-toolgate-key': 'c' }), 'c');
});

test('two credentials are refused, even equal ones', () => {
  assert.throws(() => who({ authorization: 'Bearer a', 'x-api-key': 'a' }), { code: 'credential_ambiguous' });
  assert.throws(() => who({ 'x-toolgate-key': 'a', 'x-api-key': 'a' }), { code: 'credential_ambiguous' });
});

for (const authorization of ['Basic YTpi', 'Bearer', 'Bearer a b', 'Bearer a,b\u0000', '']) {
  test(`Authorization "${authorization}" is an invalid credential`, () => {
    assert.throws(() => who({ authorization }), { code: 'credential_invalid' });
  });
}

test('no credential is refused, and a cookie is none', () => {
  assert.throws(() => who({ cookie: 'session=tgp_x' }), { code: 'credential_missing' });
});

test('where anonymous callers are let in, a credential that fails is refused all the same', () => {
  const refuse = () => {
    throw new Error('refused');
  };
  assert.equal(who({}, caller('anonymous')), 'anonymous');
  assert.throws(() => authenticate(use({ authorization: 'Bearer sk-random' }), refuse, caller('anonymous')), /refused/);
});
