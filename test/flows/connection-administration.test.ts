/** Looking after connections: the API and the commands, against a running gateway. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ConnectSite, startConnectSite } from '../connect-site.ts';
import { createFolder, toolgate } from './cli-process.ts';

let site: ConnectSite;
let folder: Awaited<ReturnType<typeof createFolder>>;

before(async () => {
  site = await startConnectSite();
  folder = await createFolder();
});

after(async () => {
  await folder.remove();
  await site[Symbol.asyncDispose]();
});

const run = (key: string, ...args: string[]) =>
  toolgate(args, { cwd: folder.path, env: { TOOLGATE_URL: site.gateway.url, TOOLGATE_KEY: key } });

test('everybody lists, refreshes and ends their own over the API; administrators those of all', async () => {
  const { gateway, provider } = site;
  const ann = await site.newPerson('ann');
  const bob = await site.newPerson('bob');
  await site.connect(ann, '/connect/docs', 'ann@provider.example');
  await site.connect(bob, '/connect/docs', 'bob@provider.example');
  const mine = await gateway.admin('GET', '/connections', undefined, { key: ann.key });
  assert.deepEqual(
    mine.body.items.map(({ owner, account, state }: never) => ({ owner, account, state })),
    [{ owner: { kind: 'user', id: ann.id }, account: 'ann@provider.example', state: 'connected' }],
  );
  assert.equal((await site.connections()).length, 2);
  assert.equal((await site.connections(`?principal=${bob.id}&upstream=docs`)).length, 1);
  assert.equal((await gateway.admin('GET', '/connections?mine=true&shared=true')).status, 400);
  const refreshed = await gateway.admin('POST', '/upstreams/docs/my-connection/refresh', undefined, { key: ann.key });
  assert.equal(refreshed.status, 200, JSON.stringify(refreshed.body));
  assert.notEqual(refreshed.body.refreshedAt, null);
  assert.equal(provider.grants.find(({ account }) => account === 'ann@provider.example')!.refreshes, 1);
  const own = { key: ann.key };
  assert.equal((await gateway.admin('DELETE', '/upstreams/docs/my-connection', undefined, own)).status, 204);
  assert.equal((await gateway.admin('DELETE', '/upstreams/docs/my-connection', undefined, own)).status, 404);
  assert.equal((await gateway.admin('POST', '/upstreams/docs/my-connection/refresh', undefined, own)).status, 404);
  assert.equal((await gateway.admin('DELETE', `/upstreams/docs/connections/user/${bob.id}`)).status, 204);
  assert.deepEqual(await site.connections(), []);
});

test('links are made only to what can be connected', async () => {
  const { gateway } = site;
  const cal = await site.newPerson('cal');
  const link = (path: string, key = gateway.ownerKey) =>
    gateway.admin('POST', `/upstreams/${path}/link`, undefined, { key });
  assert.equal((await link('team/connection')).body.url, `${gateway.url}/connect/team?as=shared`);
  assert.equal((await link('docs/connection')).status, 409);
  assert.equal((await link('nowhere/connection')).status, 404);
  assert.equal((await link('team/my-connection', cal.key)).status, 404);
  assert.equal((await link('nowhere/my-connection', cal.key)).status, 404);
  assert.equal((await link(`team/connections/user/${cal.id}`)).status, 409);
  const own = (await link('docs/my-connection', cal.key)).body.url as string;
  assert.match(own, new RegExp(`^${gateway.url}/connect/docs\\?for=`));
  assert.doesNotMatch(own, /usr_|cal/, 'it says nothing about the person');
});

test('the commands print where to connect, show what there is, refresh and end it', async () => {
  const { gateway } = site;
  const olga = await site.newPerson('olga', ['owner', 'member']);
  const printed = await run(gateway.ownerKey, 'connection', 'connect', 'team');
  const url = /http:\S+/.exec(printed.stdout)![0];
  assert.equal(url, `${gateway.url}/connect/team?as=shared`);
  await site.connect(olga, url, 'team@provider.example');
  const shown = await run(gateway.ownerKey, 'connection', 'show', 'team');
  assert.match(shown.stdout, /state +connected\n/);
  assert.match(shown.stdout, /account +team@provider\.example\n/);
  const listed = await run(gateway.ownerKey, 'connection', 'list', '--shared', '--json');
  assert.deepEqual(
    listed.json.map(({ upstream }: { upstream: string }) => upstream),
    ['team'],
  );
  const refreshed = await run(gateway.ownerKey, 'connection', 'refresh', 'team');
  assert.match(refreshed.stdout, /^Refreshed the connection that everybody shares to team: good until /);
  const ended = await run(gateway.ownerKey, 'connection', 'disconnect', 'team', '--yes');
  assert.match(ended.stdout, /^Ended the connection that everybody shares to team/);
  const missing = await run(gateway.ownerKey, 'connection', 'show', 'team');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /toolgate connection connect team/);
});

test('without a word about whose, a person without a role for it works on their own', async () => {
  const dan = await site.newPerson('dan');
  const printed = await run(dan.key, 'connection', 'connect', 'docs', '--json');
  await site.connect(dan, printed.json.url, 'dan@provider.example');
  const listed = await run(dan.key, 'connection', 'list');
  assert.match(listed.stdout, /docs .*dan@provider\.example/);
  assert.equal((await run(dan.key, 'connection', 'show', 'docs', '--user', 'olga')).code, 1);
  assert.equal((await run(dan.key, 'connection', 'show', 'docs', '--mine', '--shared')).code, 2);
  const ended = await run(dan.key, 'connection', 'disconnect', 'docs', '--yes');
  assert.match(ended.stdout, /^Ended your connection to docs/);
});
