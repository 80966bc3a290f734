import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../model/json.ts';
import { parseSettings } from './parse-settings.ts';

/** The faults of these settings under `oauth`, each as `path: problem fix`. */
const faultsOf = (oauth: JsonObject): string[] =>
  parseSettings({ oauth }).faults.map(({ path, problem, fix }) => `${path.join('.')}: ${problem} ${fix}`);

test('registration with a token needs the token', () => {
  const [fault, ...others] = faultsOf({ clients: { registration: 'token' } });
  assert.match(fault!, /^oauth\.clients\.registration: Nobody could register.*initialAccessToken.*choose `off`/);
  assert.deepEqual(others, []);
  assert.deepEqual(faultsOf({ clients: { registration: 'token', initialAccessToken: '${env:TOKEN}' } }), []);
  const { settings, isFaulty } = parseSettings({ oauth: { clients: { registration: 'token', unusedDays: 7 } } });
  assert.equal(settings.oauth.clients.unusedDays, 7, 'the rest is looked at all the same');
  assert.ok(isFaulty('oauth.clients.registration'));
});

test('only one token issuer can have introspection', () => {
  const issuer = (name: string, more: JsonObject = {}): JsonObject => ({
    issuer: `https://${name}.example`,
    audiences: { gateway: '/mcp' },
    ...more,
  });
  const introspection = { endpoint: 'https://idp.example/introspect', clientId: 'gw', clientSecret: 's' };
  const [fault, ...others] = faultsOf({
    tokenIssuers: [issuer('a', { introspection }), issuer('b'), issuer('c', { introspection })],
  });
  assert.match(fault!, /^oauth\.tokenIssuers\.2\.introspection: Only one issuer can have `introspection`/);
  assert.deepEqual(others, []);
  assert.deepEqual(faultsOf({ tokenIssuers: [issuer('a', { introspection }), issuer('b')] }), []);
});
