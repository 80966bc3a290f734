import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Config, configAtPort } from './config.ts';
import { diffConfig } from './diff-config.ts';
import { loadConfig } from './load-config.ts';

let cwd: string;
before(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'toolgate-diff-'));
});
after(() => rm(cwd, { recursive: true }));

async function configOf(yaml: string): Promise<Config> {
  await writeFile(join(cwd, 'toolgate.yaml'), yaml);
  return (await loadConfig({ cwd, env: {} })).config;
}

const NOTHING = { live: [], restart: [], upstreams: { added: [], changed: [], removed: [] }, rolesChanged: false };

test('the same configuration has no difference, however it is written', async () => {
  const before = await configOf('audit: { mode: strict }\ntrustedProxies: [10.0.0.0/8]');
  const after = await configOf('trustedProxies:\n  - 10.0.0.0/8');
  assert.deepEqual(diffConfig(before, after), NOTHING);
});

test('what a running gateway can take over is told apart from what needs a restart', async () => {
  const before = await configOf('');
  const after = await configOf(
    'listen: { port: 1 }\ndataDir: other\naudit: { mode: async }\nmasterKey: { fd: 3 }\nlimits: { depth: 8, bodyBytes: 2048 }\nallowedHosts: [a]\nlog: { level: warn }\n',
  );
  const { live, restart } = diffConfig(before, after);
  assert.deepEqual(live, ['allowedHosts', 'limits.depth', 'log.level']);
  assert.deepEqual(restart, [
    'listen.port',
    'publicUrl',
    'dataDir',
    'masterKey.file',
    'masterKey.fd',
    'audit.mode',
    'limits.bodyBytes',
  ]);
});

test('upstreams are compared one by one, header templates included', async () => {
  const entry = (name: string, rest = '') => `  - { name: ${name}, url: 'https://${name}.example'${rest} }\n`;
  const header = (reference: string) => `, auth: { headers: { X-Key: '\${vault:${reference}}' } }`;
  const before = await configOf(
    `upstreams:\n${entry('kept', header('k'))}${entry('gone')}${entry('slow')}${entry('keyed', header('a'))}`,
  );
  const after = await configOf(
    `upstreams:\n${entry('new')}${entry('keyed', header('b'))}${entry('slow', ', timeoutMs: 1')}${entry('kept', header('k'))}`,
  );
  assert.deepEqual(diffConfig(before, after), {
    ...NOTHING,
    upstreams: { added: ['new'], changed: ['keyed', 'slow'], removed: ['gone'] },
  });
});

test('another secret of a client, or another scope, is a change of its upstream', async () => {
  const entry = (secret: string, scope: string) =>
    `upstreams: [{ name: gh, url: 'https://gh.example', auth: { oauth: { clientId: a, clientSecret: '\${vault:${secret}}', scopes: [${scope}] } } }]`;
  const before = await configOf(entry('one', 'repo'));
  assert.deepEqual(diffConfig(before, await configOf(entry('one', 'repo'))), NOTHING);
  for (const changed of [entry('two', 'repo'), entry('one', 'user')]) {
    const { upstreams } = diffConfig(before, await configOf(changed));
    assert.deepEqual(upstreams, { added: [], changed: ['gh'], removed: [] });
  }
});

test('a changed role is noticed', async () => {
  const before = await configOf('roles: [{ name: a, allow: [{ upstream: "*" }] }]');
  const after = await configOf('roles: [{ name: a, allow: [{ upstream: x }] }]');
  assert.deepEqual(diffConfig(before, after), { ...NOTHING, rolesChanged: true });
});

test('a derived public URL follows the port that was taken; one that was set stays', async () => {
  const derived = configAtPort(await configOf('listen: { port: 0 }'), 4711);
  assert.deepEqual([derived.listen.port, derived.publicUrl], [4711, 'http://127.0.0.1:4711']);
  const fixed = configAtPort(await configOf('listen: { port: 0 }\npublicUrl: http://localhost:9000'), 4711);
  assert.deepEqual([fixed.listen.port, fixed.publicUrl], [4711, 'http://localhost:9000']);
});
