/** Accounts at a real Keycloak that people connect, behind MCP servers that the official SDKs guard. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Reply, textOf } from '../mcp-client.ts';
import { ACCESS_TOKEN_SECONDS, GATEWAY_CLIENT } from './accounts-realm.ts';
import {
  type AccountHolder,
  type AccountsSite,
  byHand,
  linkIn,
  SCOPES_WITH_ACCOUNT,
  startAccountsSite,
} from './accounts-site.ts';
import { missingForKeycloak } from './install-keycloak.ts';

/** How long something may take to have its effect at Keycloak. */
const PATIENCE_MS = 60_000;

describe('accounts at Keycloak', { skip: (await missingForKeycloak()) ?? false }, () => {
  let site: AccountsSite;
  before(async () => {
    site = await startAccountsSite({
      upstreams: ({ issuer, asking, checking }) => [
        { name: 'asking', url: asking, auth: { oauth: byHand(issuer, { scopes: SCOPES_WITH_ACCOUNT }) } },
        { name: 'checking', url: checking, auth: { oauth: byHand(issuer) } },
      ],
    });
  });
  after(() => site?.close());

  async function connectedPerson(username: string, ...upstreams: string[]): Promise<AccountHolder> {
    const person = await site.newPerson(username);
    for (const upstream of upstreams) await site.connect(person, linkIn(await site.call(person, upstream)));
    return person;
  }
  const connectionsOf = async ({ id }: AccountHolder) =>
    (await site.gateway.admin('GET', `/connections?principal=${id}`)).body.items;
  const offline = (username: string) => site.keycloak.admin.offlineSessions(username, GATEWAY_CLIENT.id);
  const failedRefreshes = async () => (await site.keycloak.admin.events('REFRESH_TOKEN_ERROR')).length;

  test('a person is handed a link, signs in at Keycloak, and calls with their own account', async () => {
    const { body } = await site.gateway.admin('POST', '/upstreams/asking/test');
    assert.equal(body.ok, true, JSON.stringify(body));
    const ann = await connectedPerson('ann', 'asking', 'checking');
    for (const upstream of ['asking', 'checking']) assert.equal(textOf(await site.call(ann, upstream)), 'ann');
    const [asking, checking] = await connectionsOf(ann);
    assert.equal(asking.account, 'ann@acme.example');
    assert.ok(asking.refreshExpiresAt > Date.now(), 'as long as the session at Keycloak');
    assert.deepEqual(
      [checking.account, checking.refreshExpiresAt],
      [null, null],
      'nobody says; for as long as it is used',
    );
    assert.equal(await offline('ann'), 1);
  });

  test('tokens of two people end again and again under their calls: none fails, and none is of the other', async () => {
    const people = [
      await connectedPerson('bob', 'asking', 'checking'),
      await connectedPerson('cat', 'asking', 'checking'),
    ];
    const failed = await failedRefreshes();
    const before = (await site.keycloak.admin.events('REFRESH_TOKEN')).length;
    const until = performance.now() + 5 * ACCESS_TOKEN_SECONDS * 1000;
    const calls = await Promise.all(
      people.flatMap((person) =>
        ['asking', 'checking', 'asking', 'checking'].map(async (upstream) => {
          let count = 0;
          for (; performance.now() < until; count++) {
            const reply = await site.call(person, upstream);
            assert.equal(reply.message.result?.content[0].text, person.name.split('@')[0], reply.body);
            await sleep(20);
          }
          return count;
        }),
      ),
    );
    assert.ok(Math.min(...calls) > 50, String(calls));
    const refreshes = (await site.keycloak.admin.events('REFRESH_TOKEN')).length - before;
    assert.ok(refreshes >= 4 * 4, `${refreshes} refreshes`);
    assert.equal(await failedRefreshes(), failed, 'every refresh token was used once');
  });

  test('connecting once more leaves the connection whole', async () => {
    const dan = await connectedPerson('dan', 'asking', 'checking');
    for (const upstream of ['asking', 'checking']) {
      await site.connect(dan, `${site.gateway.url}/connect/${upstream}?again=1`);
      await sleep(1.5 * ACCESS_TOKEN_SECONDS * 1000);
      assert.equal(textOf(await site.call(dan, upstream)), 'dan');
    }
  });

  test('one more scope is agreed to when a tool wants it', async () => {
    const eve = await connectedPerson('eve', 'checking');
    const asked = await site.call(eve, 'checking', 'write');
    assert.match(asked.message.result.content[0].text, /more permissions/);
    await site.connect(eve, linkIn(asked));
    assert.equal(textOf(await site.call(eve, 'checking', 'write')), 'eve wrote');
    const [{ scopes }] = await connectionsOf(eve);
    for (const scope of ['mcp:read', 'mcp:write', 'offline_access']) assert.ok(scopes.includes(scope), String(scopes));
  });

  test('who disconnects is disconnected at Keycloak, with the last of what lives on one grant', async () => {
    const fay = await connectedPerson('fay', 'asking', 'checking');
    const disconnect = async (upstream: string): Promise<void> => {
      await fay.page.goto(`${site.gateway.url}/connect`);
      await fay.page.getByText(`Details of ${upstream}`).click();
      await fay.page.locator(`form[action="/connect/${upstream}/disconnect"] button`).click();
      await fay.page.waitForLoadState();
      linkIn(await site.call(fay, upstream));
    };
    assert.equal(await site.keycloak.admin.sessionsWith('fay', GATEWAY_CLIENT.id), 1);
    await disconnect('checking');
    await untilRecorded('connection.revoke', fay, 'in_use');
    await sleep(1.5 * ACCESS_TOKEN_SECONDS * 1000);
    assert.equal(textOf(await site.call(fay, 'asking')), 'fay', 'Keycloak would have ended both');
    await disconnect('asking');
    await untilRecorded('connection.revoke', fay, 'revoked', 2);
    assert.equal(await offline('fay'), 0);
    assert.equal(await site.keycloak.admin.sessionsWith('fay', GATEWAY_CLIENT.id), 0);
    await site.connect(fay, linkIn(await site.call(fay, 'checking')));
    assert.equal(textOf(await site.call(fay, 'checking')), 'fay');
  });

  test('who is disabled here leaves nothing at Keycloak', async () => {
    const gus = await connectedPerson('gus', 'checking');
    assert.equal(await offline('gus'), 1);
    assert.equal((await site.gateway.admin('POST', `/users/${gus.id}/disable`)).status, 200);
    assert.equal((await site.call(gus, 'checking')).status, 401);
    await untilRecorded('connection.revoke', gus, 'revoked');
    assert.equal(await offline('gus'), 0);
  });

  test('what Keycloak ended is said in the next call, with a link that mends it', async () => {
    const ida = await connectedPerson('ida', 'asking', 'checking');
    for (const upstream of ['asking', 'checking']) assert.equal(textOf(await site.call(ida, upstream)), 'ida');
    await site.keycloak.admin.endSessions('ida');
    const asking = await site.call(ida, 'asking');
    assert.match(asking.message.result.content[0].text, /has ended and has to be made again/, 'at once');
    await site.keycloak.admin.endConsent('ida', GATEWAY_CLIENT.id);
    const checking = await untilPrompted(ida, 'checking');
    assert.match(checking.message.result.content[0].text, /has ended and has to be made again/);
    assert.deepEqual(
      (await connectionsOf(ida)).map(({ state }: { state: string }) => state),
      ['needs_reauth', 'needs_reauth'],
    );
    for (const [upstream, prompt] of Object.entries({ asking, checking })) {
      await site.connect(ida, linkIn(prompt));
      assert.equal(textOf(await site.call(ida, upstream)), 'ida');
    }
  });

  test('somebody whom Keycloak lets not stay is told what to set, and connects without it', async () => {
    const hal = await site.newPerson('hal');
    const link = linkIn(await site.call(hal, 'checking'));
    await assert.rejects(site.connect(hal, link), /Offline tokens not allowed.*Set `scopes` without `offline_access`/s);
    await site.connect(hal, linkIn(await site.call(hal, 'asking')));
    assert.equal(textOf(await site.call(hal, 'asking')), 'hal');
  });

  test('while Keycloak is away calls say so, and nobody has to connect again when it is back', async () => {
    const jim = await connectedPerson('jim', 'checking');
    assert.equal(textOf(await site.call(jim, 'checking')), 'jim');
    await site.keycloak.stop();
    const until = performance.now() + PATIENCE_MS;
    let reply = await site.call(jim, 'checking');
    for (; reply.message.error === undefined && performance.now() < until; reply = await site.call(jim, 'checking')) {
      assert.equal(textOf(reply), 'jim');
      await sleep(100);
    }
    assert.equal(reply.message.error.data.code, 'upstream_unavailable');
    assert.equal((await connectionsOf(jim))[0].state, 'failing');
    await site.keycloak.start();
    const later = performance.now() + PATIENCE_MS;
    for (; reply.message.error !== undefined && performance.now() < later; reply = await site.call(jim, 'checking')) {
      await sleep(250);
    }
    assert.equal(textOf(reply), 'jim');
    assert.equal((await connectionsOf(jim))[0].state, 'connected');
  });

  async function untilPrompted(person: AccountHolder, upstream: string): Promise<Reply> {
    for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await sleep(100)) {
      const reply = await site.call(person, upstream);
      assert.equal(reply.message.error, undefined, reply.body);
      if (reply.message.result.isError) return reply;
    }
    return assert.fail(`${upstream} still answers ${person.name}`);
  }

  async function untilRecorded(action: string, { id }: AccountHolder, reason: string, times = 1): Promise<void> {
    for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await sleep(100)) {
      const { body } = await site.gateway.admin('GET', `/audit/events?action=${action}&principal=${id}`);
      if (body.items.filter((event: { reason: string }) => event.reason === reason).length >= times) return;
    }
    assert.fail(`no ${action} of ${id} with ${reason}`);
  }
});
