/** Token exchange (RFC 8693) at a real Keycloak, which has it for statements of others as a preview alone. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { textOf } from '../mcp-client.ts';
import { json } from '../oauth-client.ts';
import { ACCESS_TOKEN_SECONDS, machineClient } from './accounts-realm.ts';
import { type AccountHolder, type AccountsSite, startAccountsSite } from './accounts-site.ts';
import { missingForKeycloak } from './install-keycloak.ts';

const CLIENT_ID = 'exchanger';
const SECRET = 'the-secret-of-the-exchanger';

describe('a Keycloak that trusts the gateway', { skip: (await missingForKeycloak()) ?? false }, () => {
  let site: AccountsSite;
  before(async () => {
    site = await startAccountsSite({
      features: ['token-exchange:v1', 'admin-fine-grained-authz:v1'],
      clients: [machineClient(CLIENT_ID, { secret: SECRET })],
      env: { SECRET },
      upstreams: ({ issuer, asking, checking }) => {
        const settings = { preset: 'keycloak', issuer, reach: 'loopback' };
        const auth = { tokenExchange: { ...settings, clientId: CLIENT_ID, clientSecret: '${env:SECRET}' } };
        return Object.entries({ asking, checking }).map(([name, url]) => ({ name, url, auth }));
      },
    });
  });
  after(() => site?.close());

  test('does not take its statements before it is told to, and the caller is told what it says', async () => {
    const { message } = await site.call(await site.newPerson('cat'), 'asking');
    assert.equal(message.error.data.code, 'upstream_credential_rejected');
    assert.match(message.error.message, /invalid_token|invalid_issuer|Invalid token/);
  });

  test('gives each person a token of their own for it, again and again, and nobody connects anything', async () => {
    const { admin } = site.keycloak;
    const { body } = await json(`${site.gateway.url}/.well-known/oauth-authorization-server`);
    const trusted = { alias: 'toolgate', issuer: body.issuer, jwksUrl: body.jwks_uri };
    await admin.trustIssuer(trusted, CLIENT_ID);
    const people: Record<string, AccountHolder> = {};
    for (const username of ['ann', 'bob']) {
      people[username] = await site.newPerson(username);
      await admin.linkUser(username, trusted.alias, people[username].id);
    }
    const until = performance.now() + 2.5 * ACCESS_TOKEN_SECONDS * 1000;
    await Promise.all(
      Object.entries(people).flatMap(([username, person]) =>
        ['asking', 'checking'].map(async (upstream) => {
          for (; performance.now() < until; await sleep(50)) {
            assert.equal(textOf(await site.call(person, upstream)), username);
          }
        }),
      ),
    );
    for (const seen of [site.asking, site.checking]) {
      assert.deepEqual([...new Set(seen.accounts)].sort(), ['ann', 'bob']);
      assert.ok(seen.tokens.size >= 4, `${seen.tokens.size} tokens`);
    }
  });
});
