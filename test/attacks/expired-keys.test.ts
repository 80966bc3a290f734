/**
 * A key ends by itself, at its expiry or when the overlap of its rotation is over. No admin is there who would end what
 * the key has open, so the gateway looks again at its streams: none outlives its key.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { until } from '../gateway-process.ts';
import { legacyClient, modernClient, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

type Name = 'rotated' | 'expiring' | 'bystander';
const NAMES: readonly Name[] = ['rotated', 'expiring', 'bystander'];
let upstream: FakeHttpUpstream;
let gateway: PeopledGateway<Name>;

before(async () => {
  upstream = await startModernUpstream();
  gateway = await startWithPeople({
    people: Object.fromEntries(NAMES.map((name) => [name, { roles: ['full-access'] }])) as Record<Name, object>,
    config: { upstreams: [{ name: 'fake', url: upstream.url }] },
  });
});

after(async () => {
  await upstream.close();
  await gateway.close();
});

/** Both make the key end in two seconds; the successor of the rotated one is returned. */
const END_SOON: Readonly<Record<'rotated' | 'expiring', () => Promise<string | undefined>>> = {
  async rotated() {
    const path = `/access-keys/${gateway.keyIds.rotated}/rotate`;
    const { status, body } = await gateway.admin('POST', path, { overlapSeconds: 2 });
    assert.equal(status, 201, JSON.stringify(body));
    return body.key;
  },
  async expiring() {
    const path = `/access-keys/${gateway.keyIds.expiring}`;
    const { headers } = await gateway.admin('GET', path);
    const match = { headers: { 'if-match': String(headers.get('etag')) } };
    const { status, body } = await gateway.admin('PATCH', path, { expiresAt: Date.now() + 2_000 }, match);
    assert.equal(status, 200, JSON.stringify(body));
    return undefined;
  },
};

for (const [name, endSoon] of Object.entries(END_SOON) as ['rotated' | 'expiring', () => Promise<string>][]) {
  test(`${name}: its streams end with it, its next request is refused, its call under way is answered`, {
    timeout: 60_000,
  }, async () => {
    const url = `${gateway.url}/mcp/fake`;
    const openAll = async (key: string) => {
      const [fresh, old] = [modernClient(url, key), await legacyClient(url, key)];
      const notifications = { toolsListChanged: true, resourceSubscriptions: ['test://one'] };
      const subscription = await fresh.open('subscriptions/listen', { notifications });
      await subscription.find(({ method }) => method === 'notifications/subscriptions/acknowledged');
      return { fresh, old, streams: [subscription, await old.listen()] };
    };
    const waiting = upstream.calls('tools/call').length;
    const { fresh, old, streams } = await openAll(gateway.keys[name]);
    const others = await openAll(gateway.keys.bystander);
    const begun = fresh.request('tools/call', { name: 'wait', arguments: {} });
    await until('the call is under way', () => upstream.calls('tools/call').length > waiting);
    const successor = await endSoon();
    const echo = { name: 'echo', arguments: { text: 'still' } };
    for (const client of [fresh, old]) assert.equal(textOf(await client.request('tools/call', echo)), 'still');
    for (const { http } of streams) assert.equal(http.closed, false, 'its rights are what they were');

    for (const { closed } of streams) await closed;
    for (const client of [fresh, old]) {
      // The wall clock that the expiry is read from need not be that of the timers: it may be a moment later.
      let status = 200;
      while (status === 200) {
        ({ status } = await client.request('tools/call', echo));
        await setTimeout(10);
      }
      assert.equal(status, 401);
    }
    upstream.behaviour.release();
    assert.equal(textOf(await begun), 'released');
    for (const { http } of others.streams) assert.equal(http.closed, false, 'of somebody else');
    for (const stream of others.streams) stream.close();
    if (successor !== undefined) {
      assert.equal(textOf(await modernClient(url, successor).request('tools/call', echo)), 'still');
    }
  });
}
