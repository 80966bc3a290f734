/** Rights, and people, that go while somebody is at the provider. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ConnectingPerson, type ConnectSite, startConnectSite } from '../connect-site.ts';

let site: ConnectSite;
before(async () => {
  site = await startConnectSite();
});
after(() => site[Symbol.asyncDispose]());

const connectionsOf = async (ownerId: string) => (await site.connections()).filter(({ owner }) => owner.id === ownerId);

async function without({ id }: ConnectingPerson, role: string): Promise<void> {
  assert.equal((await site.gateway.admin('DELETE', `/role-assignments/user/${id}/${role}`)).status, 204);
}

/** Stops the provider in the middle of giving out tokens, and does this meanwhile. */
async function whileExchanging(callback: string, person: ConnectingPerson, work: () => Promise<unknown>) {
  const reached = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  site.provider.tamper.token = async (answer) => {
    reached.resolve();
    await goOn.promise;
    return answer;
  };
  const page = person.browser.get(callback);
  await reached.promise;
  await work();
  goOn.resolve();
  site.provider.tamper.token = undefined as never;
  return page;
}

test('who is no administrator any more connects no service account, although they began as one', async () => {
  const { body: robot } = await site.gateway.admin('POST', '/service-accounts', { name: 'robot' });
  const person = await site.newPerson('al', ['member', 'admin']);
  const callback = await site.callbackFor(person, `/connect/docs?as=${robot.id}`);
  await without(person, 'admin');
  const before = site.provider.to('token').length;
  assert.equal((await person.browser.get(callback)).status, 400);
  assert.deepEqual(await connectionsOf(robot.id), []);
  assert.equal(site.provider.to('token').length, before, 'the code was not used');
});

test('a service account that is removed meanwhile is connected to nothing', async () => {
  const { body: robot } = await site.gateway.admin('POST', '/service-accounts', { name: 'gone' });
  const person = await site.newPerson('bo', ['member', 'admin']);
  const callback = await site.callbackFor(person, `/connect/docs?as=${robot.id}`);
  const revoked = site.provider.stats.revocations.length;
  const page = await whileExchanging(callback, person, async () => {
    const { headers } = await site.gateway.admin('GET', `/service-accounts/${robot.id}`);
    const options = { headers: { 'if-match': headers.get('etag')! } };
    const removed = await site.gateway.admin('DELETE', `/service-accounts/${robot.id}`, undefined, options);
    assert.equal(removed.status, 204, JSON.stringify(removed.body));
  });
  assert.equal(page.status, 400);
  assert.deepEqual(await connectionsOf(robot.id), []);
  while (site.provider.stats.revocations.length === revoked) await new Promise((done) => setTimeout(done, 50));
});

test('who is disabled while their code is exchanged is not left connected', async () => {
  const person = await site.newPerson('cy');
  const callback = await site.callbackFor(person, '/connect/docs');
  const page = await whileExchanging(callback, person, async () => {
    assert.equal((await site.gateway.admin('POST', `/users/${person.id}/disable`)).status, 200);
  });
  assert.equal(page.status, 400);
  assert.deepEqual(await connectionsOf(person.id), []);
});

test('who lost the role meanwhile is not connected', async () => {
  const person = await site.newPerson('di');
  const callback = await site.callbackFor(person, '/connect/docs');
  await without(person, 'member');
  assert.equal((await person.browser.get(callback)).status, 400);
  assert.deepEqual(await connectionsOf(person.id), []);
});
