/** Looking after people who sign in, and the agents that they allowed: the commands, against a running gateway. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernClient } from '../mcp-client.ts';
import { Browser } from '../oauth-browser.ts';
import { post } from '../oauth-client.ts';
import { addPerson, PASSWORD, refresh, registerClient, signIn } from '../sign-in.ts';
import { createFolder, toolgate } from './cli-process.ts';

let gateway: TestGateway;
let folder: Awaited<ReturnType<typeof createFolder>>;

before(async () => {
  gateway = await startToolgate();
  folder = await createFolder();
});

after(async () => {
  await folder.remove();
  await gateway.close();
});

const run = (...args: string[]) =>
  toolgate(args, { cwd: folder.path, env: { TOOLGATE_URL: gateway.url, TOOLGATE_KEY: gateway.ownerKey } });
const statusOf = async (token: string) =>
  (await modernClient(`${gateway.url}/mcp`, token).request('tools/list')).status;

test('sessions are listed by whose they are, and ended one by one or all of a person', async () => {
  const ann = await addPerson(gateway, 'ann@example.com', ['full-access']);
  const clientId = await registerClient(gateway, 'Editor');
  const [first, second] = [await signIn(gateway, ann, { clientId }), await signIn(gateway, ann, { clientId })];
  const listed = await run('session', 'list', '--user', 'ann@example.com', '--json');
  assert.deepEqual(
    listed.json.map(({ client, principal, scopes, status }: never) => ({ client, principal, scopes, status })),
    Array(2).fill({
      client: { id: clientId, name: 'Editor' },
      principal: { kind: 'user', id: ann.id, name: ann.name },
      scopes: ['mcp'],
      status: 'active',
    }),
  );
  const table = await run('session', 'list');
  assert.match(table.stdout, /ann@example\.com +Editor +\/mcp +mcp +active/);
  assert.equal(await statusOf(first.access_token), 200);

  const one = await run('session', 'revoke', listed.json[0].id);
  assert.equal(one.stdout, `Ended ${listed.json[0].id}.\n`);
  assert.deepEqual([await statusOf(first.access_token), await statusOf(second.access_token)], [401, 200]);
  const rest = await run('session', 'revoke', '--user', 'ann@example.com', '--yes', '--json');
  assert.deepEqual(rest.json, { revoked: [listed.json[1].id] });
  assert.equal(await statusOf(second.access_token), 401);
  assert.equal((await run('session', 'list')).stdout, 'There are no such sessions.\n');
  assert.equal((await run('session', 'revoke')).code, 2, 'it has to be said whose');
});

test('a client is shut out and let in again', async () => {
  const bob = await addPerson(gateway, 'bob@example.com', ['full-access']);
  const clientId = await registerClient(gateway, 'Terminal');
  const tokens = await signIn(gateway, bob, { clientId });
  assert.match(
    (await run('client', 'list')).stdout,
    /Terminal +registered itself +http:\/\/127\.0\.0\.1:33418\/callback/,
  );
  const revoked = await run('client', 'revoke', clientId);
  assert.equal(revoked.stdout, `Terminal (${clientId}) is shut out, and its sessions have ended.\n`);
  assert.equal(await statusOf(tokens.access_token), 401);
  assert.equal((await refresh(gateway, clientId, tokens.refresh_token)).body.error, 'invalid_client');
  assert.equal((await run('client', 'approve', clientId)).stdout, `Terminal (${clientId}) is let in.\n`);
  assert.equal(await statusOf(tokens.access_token), 401, 'what was revoked stays revoked');
  assert.equal(await statusOf((await signIn(gateway, bob, { clientId })).access_token), 200);
  assert.match((await run('client', 'revoke', 'cli_unknown')).stderr, /There is no such client/);
});

test('a client is added, with its secret shown once, and removed', async () => {
  await run('service-account', 'add', 'nightly');
  await run('role', 'assign', 'full-access', '--service-account', 'nightly');
  const added = await run('client', 'add', 'Nightly', '--service-account', 'nightly', '--scope', 'mcp');
  assert.match(added.stdout, /Added the client Nightly\.\n.*shown this once/);
  const [, id] = /Client id +(\S+)/.exec(added.stdout)!;
  const [, secret] = /Client secret +(\S{43})\n/.exec(added.stdout)!;
  const tokens = await post(
    `${gateway.url}/oauth/token`,
    { grant_type: 'client_credentials' },
    { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
  );
  assert.equal(await statusOf(tokens.body.access_token), 200, JSON.stringify(tokens.body));
  assert.match((await run('client', 'list')).stdout, /Nightly +added here/);
  assert.equal((await run('client', 'remove', id!, '--yes')).stdout, `Removed the client Nightly (${id}).\n`);
  assert.equal(await statusOf(tokens.body.access_token), 401);
  const keyed = await run('client', 'add', 'Keyed', '--jwks-uri', 'https://ci.example/jwks.json', '--json');
  assert.deepEqual([keyed.json.client.authMethod, keyed.json.secret], ['private_key_jwt', null]);
  const own = await registerClient(gateway, 'Own');
  assert.match((await run('client', 'remove', own, '--yes')).stderr, /Revoke it instead/);
});

test('whoever becomes an owner is told what ended for them', async () => {
  const adam = await addPerson(gateway, 'adam@example.com', ['admin']);
  await addPerson(gateway, 'eve@example.com', []);
  const file = join(folder.path, 'adam.key');
  const created = await run('key', 'create', 'adam', '--user', adam.name, '--json');
  await writeFile(file, created.json.key);
  const asAdam = { cwd: folder.path, env: { TOOLGATE_URL: gateway.url } };
  const made = await toolgate(
    ['key', 'create', 'spare', '--user', 'eve@example.com', '--key-file', file, '--json'],
    asAdam,
  );
  const assigned = await run('role', 'assign', 'owner', '--user', 'eve@example.com');
  assert.equal(
    assigned.stdout,
    `eve@example.com has the role owner.\nEnded for eve@example.com, as nobody of the same standing had made it: access key spare (${made.json.accessKey.id}).\n`,
  );
});

test('signing keys are rotated without a refused token', async () => {
  const cat = await addPerson(gateway, 'cat@example.com', ['full-access']);
  const clientId = await registerClient(gateway);
  const before = await signIn(gateway, cat, { clientId });
  const rotated = await run('keys', 'rotate', '--json');
  assert.deepEqual(
    rotated.json.items.map(({ state }: { state: string }) => state),
    ['active', 'retired'],
  );
  assert.match((await run('keys', 'list')).stdout, /active +signs\n.* +retired +still verifies/);
  const after = await signIn(gateway, cat, { clientId });
  for (const token of [before, after]) assert.equal(await statusOf(token.access_token), 200);
  assert.equal((await refresh(gateway, clientId, before.refresh_token)).status, 200);
});

test('a recovery link replaces the password, once', async () => {
  const dan = await addPerson(gateway, 'dan@example.com', ['full-access']);
  const made = await run('user', 'setup-link', 'dan@example.com', '--recovery', '--json');
  const link: string = made.json.url;
  assert.ok(link.startsWith(`${gateway.url}/setup/`));
  const browser = new Browser(gateway.url);
  const password = 'another quite long pass phrase';
  await browser.submit(await browser.open(link), { password, password_again: password });
  assert.match((await browser.open(link)).text, /This link/);
  const again = new Browser(gateway.url);
  const old = await again.submit(await again.open('/sign-in'), { login: dan.name, password: PASSWORD });
  assert.match(old.text, /role="alert"|class="alert"/);
  const good = await again.submit(await again.open('/sign-in'), { login: dan.name, password });
  assert.match(good.text, /You are signed in/);
});
