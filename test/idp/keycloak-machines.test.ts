/** A real Keycloak as the provider of upstreams where nobody registered the gateway, and of those that it uses by itself. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import { textOf } from '../mcp-client.ts';
import { ACCESS_TOKEN_SECONDS, machineClient } from './accounts-realm.ts';
import { type AccountsSite, linkIn, startAccountsSite } from './accounts-site.ts';
import { missingForKeycloak } from './install-keycloak.ts';

const SECRET = 'the-secret-of-a-machine';

describe('Keycloak without a client that was registered by hand', {
  skip: (await missingForKeycloak()) ?? false,
}, () => {
  let site: AccountsSite;
  before(async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const kid = 'the-key-of-a-machine';
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }] };
    const key = { ...(await exportJWK(privateKey)), kid };
    site = await startAccountsSite({
      clients: [machineClient('with-secret', { secret: SECRET }), machineClient('with-key', { jwks })],
      env: { SECRET, WRONG: 'not the secret', JWK: JSON.stringify(key), PEM: await exportPKCS8(privateKey) },
      upstreams: ({ issuer, asking, checking }) => {
        const provider = { preset: 'keycloak', issuer, reach: 'loopback' };
        const machine = (clientId: string, proof: object) => ({
          clientCredentials: { ...provider, clientId, ...proof },
        });
        return [
          { name: 'registered', url: asking, auth: { oauth: { reach: 'loopback' } } },
          { name: 'secret', url: asking, auth: machine('with-secret', { clientSecret: '${env:SECRET}' }) },
          { name: 'jwk', url: checking, auth: machine('with-key', { clientKey: '${env:JWK}' }) },
          { name: 'pem', url: checking, auth: machine('with-key', { clientKey: '${env:PEM}' }) },
          { name: 'wrong', url: asking, auth: machine('with-secret', { clientSecret: '${env:WRONG}' }) },
        ];
      },
    });
  });
  after(() => site?.close());

  test('registers itself where Keycloak lets it, once for everybody, and says what to do where it does not', async () => {
    const { body: refused } = await site.gateway.admin('POST', '/upstreams/registered/test');
    const { detail } = refused.stages.at(-1);
    assert.match(detail, /Register a client at .* with redirect URI http\S+\/connect\/callback and set `clientId`/);
    await site.keycloak.admin.trustHost('127.0.0.1');
    const ann = await site.newPerson('ann');
    const bob = await site.newPerson('bob');
    for (const person of [ann, bob]) await site.connect(person, linkIn(await site.call(person, 'registered')));
    await sleep(1.5 * ACCESS_TOKEN_SECONDS * 1000);
    for (const person of [ann, bob]) {
      assert.equal(textOf(await site.call(person, 'registered')), person.name.split('@')[0]);
    }
    const registered = (await site.keycloak.admin.clients()).filter(({ name }) => name === 'Toolgate');
    assert.equal(registered.length, 1);
    const { body } = await site.gateway.admin('GET', '/audit/events?action=connection.register');
    assert.equal(body.items.filter(({ upstream }: { upstream: string }) => upstream === 'registered').length, 1);
  });

  test('the gateway’s own account, by secret and by key, fails no call while its tokens end', async () => {
    const machine = { key: site.gateway.serviceKey };
    const accounts = { secret: 'with-secret', jwk: 'with-key', pem: 'with-key' };
    const until = performance.now() + 2.5 * ACCESS_TOKEN_SECONDS * 1000;
    await Promise.all(
      Object.entries(accounts).map(async ([upstream, clientId]) => {
        for (; performance.now() < until; await sleep(50)) {
          assert.equal(textOf(await site.call(machine, upstream)), `service-account-${clientId}`);
        }
      }),
    );
  });

  test('a wrong secret is named as what it is, and nothing of it is said', async () => {
    const { body } = await site.gateway.admin('POST', '/upstreams/wrong/test');
    const { detail } = body.stages.at(-1);
    assert.match(detail, /unauthorized_client.*Look at the client id, and store its secret or key anew/);
    assert.ok(!JSON.stringify(body).includes('not the secret'));
  });
});
