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

test('upstream list and doctor say how accounts are doing, and which command mends what is not', async () => {
  const { gateway, provider } = site;
  const [eve, fay] = [await site.newPerson('eve'), await site.newPerson('fay')];
  await site.connect(eve, '/connect/wiki', 'eve@provider.example');
  await site.connect(fay, '/connect/wiki', 'fay@provider.example');
  provider.revokeGrant('fay@provider.example');
  await gateway.admin('POST', '/upstreams/wiki/my-connection/refresh', undefined, { key: fay.key });
  const listed = await run(gateway.ownerKey, 'upstream', 'list');
  assert.match(listed.stdout, /^wiki: Accounts: 1 connected, 1 needs to reconnect\.$/m);
  assert.match(
    listed.stdout,
    /^team: The shared account is not connected yet, so nobody can call it\. → toolgate connection connect team$/m,
  );
  assert.doesNotMatch(listed.stdout, /upstream test/, 'there is nothing to find out');
  const { json } = await run(gateway.ownerKey, 'doctor', '--json');
  const found = (name: string) => json.find(({ check }: { check: string }) => check === `upstream ${name}`);
  assert.deepEqual([found('wiki').level, found('team').level], ['ok', 'fail']);
  assert.match(found('wiki').detail, /Accounts: 1 connected, 1 needs to reconnect\./);
  assert.equal(found('team').fix, 'Run: toolgate connection connect team');
});
