import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { type AdminBench, openAdminBench } from '../flows/admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

const OFF = { enabled: false };

async function refusal(body: Record<string, unknown>) {
  const answer = await bench.call('POST', '/upstreams', body);
  assert.ok(answer.status >= 400, `${JSON.stringify(body)} was accepted`);
  return answer;
}

test('a program cannot be registered over the API, in any disguise, and none is started', async () => {
  const marker = join(bench.dataDir, 'started');
  const command = ['sh', '-c', `touch ${marker}`];
  const attempts: Record<string, unknown>[] = [
    { name: 'evil', transport: 'stdio', command },
    { name: 'evil', command },
    { name: 'evil', url: 'https://mcp.example.com', command },
    { name: 'evil', transport: 'stdio', url: 'https://mcp.example.com' },
    { name: 'evil', transport: 'http', url: 'https://mcp.example.com', command: command.join(' '), env: { A: '1' } },
  ];
  for (const body of attempts) {
    const answer = await refusal(body);
    assert.equal(answer.status, 403, answer.text);
    assert.equal(answer.body.code, 'declared_in_file_only');
    assert.match(answer.body.detail, /configuration file/);
    const applied = await bench.call('POST', '/state/apply', { version: 1, upstreams: [body] });
    assert.equal(applied.status, 403);
  }
  await bench.call('POST', '/upstreams', { name: 'honest', url: 'https://mcp.example.com', ...OFF });
  const { etag } = await bench.call('GET', '/upstreams/honest');
  const changed = await bench.call('PUT', '/upstreams/honest', attempts[0], { headers: { 'if-match': etag } });
  assert.equal(changed.status, 403);
  assert.equal(existsSync(marker), false);
  assert.equal((await bench.call('GET', '/upstreams/evil')).status, 404);
  await bench.audit.flush();
  const { entries } = await bench.audit.search({ tenantId: DEFAULT_TENANT, action: 'admin.refused' });
  assert.ok(entries.some((entry) => entry.reason === 'declared_in_file_only'));
});

test('names that look like others, climb out of a path or hide something are refused', async () => {
  for (const name of [
    'gıthub',
    'ｇithub',
    '../x',
    'a/b',
    'GitHub',
    'git_hub',
    'a__b',
    '',
    'x'.repeat(33),
    'a b',
    'a\u200bb',
    '.',
    'а-cyrillic',
  ]) {
    const answer = await refusal({ name, url: 'https://mcp.example.com', ...OFF });
    assert.equal(answer.status, 422, name);
    assert.equal(answer.body.errors[0].path, 'name');
  }
  const folded = await refusal({ name: 'ｇithub', url: 'https://mcp.example.com' });
  assert.match(folded.body.detail, /Did you mean "github"/);
});

test('a name is taken once, also when the configuration file has it', async () => {
  const body = { name: 'once', url: 'https://mcp.example.com', ...OFF };
  assert.equal((await bench.call('POST', '/upstreams', body)).status, 201);
  assert.equal((await bench.call('POST', '/upstreams', body)).status, 409);
  const declared = await bench.call('POST', '/upstreams', { ...body, name: 'from-file' });
  assert.equal(declared.status, 409);
  assert.match(declared.body.detail, /configuration file/);
});

test('what stands in the configuration file is shown and not changed', async () => {
  const shown = await bench.call('GET', '/upstreams/from-file');
  assert.equal(shown.body.source, 'file');
  assert.equal(shown.etag, '');
  for (const [method, body] of [
    ['PUT', { url: 'https://evil.example.com' }],
    ['DELETE', undefined],
  ] as const) {
    const answer = await bench.call(method, '/upstreams/from-file', body, { headers: { 'if-match': '*' } });
    assert.equal(answer.status, 409);
    assert.match(answer.body.detail, /Change it there/);
  }
  assert.equal(
    (await bench.call('DELETE', '/roles/file-role', undefined, { headers: { 'if-match': '*' } })).status,
    409,
  );
  assert.equal((await bench.call('DELETE', '/roles/owner', undefined, { headers: { 'if-match': '*' } })).status, 409);
  assert.equal((await bench.call('POST', '/roles', { name: 'admin' })).status, 422);
});

test('addresses of metadata services, other schemes, credentials in URLs and clear text over the network are refused', async () => {
  const urls = [
    'http://169.254.169.254/latest/meta-data',
    'https://169.254.169.254/',
    'http://2852039166/',
    'http://0xa9fea9fe/',
    'http://0251.0376.0251.0376/',
    'https://[::ffff:169.254.169.254]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://[2002:a9fe:a9fe::1]/',
    'https://[fe80::1]/',
    'https://[fd00:ec2::254]/',
    'http://100.100.100.200/',
    'https://metadata.google.internal/',
    'https://METADATA.google.internal./',
    'http://0.0.0.0:8080/',
    'http://[::]/',
    'http://mcp.example.com/mcp',
    'http://localhost.evil.example/',
    'http://127.0.0.1.nip.io/',
    'https://user:password@mcp.example.com/',
    'https://user@mcp.example.com/',
    'https://mcp.example.com/#fragment',
    'https://mcp.example.com/?api_key=abc',
    'https://mcp.example.com/${env:HOME}',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'ftp://mcp.example.com',
    'mcp.example.com',
    '',
  ];
  for (const url of urls) {
    const answer = await refusal({ name: 'target', url, ...OFF });
    assert.equal(answer.status, 422, url);
    assert.equal(answer.body.errors[0].path, 'url', url);
  }
  for (const url of [
    'https://mcp.example.com/mcp',
    'http://localhost:3000/mcp',
    'http://[::1]:3000',
    'http://10.1.2.3/mcp',
    'http://127.1:80/',
  ]) {
    const name = `ok-${url.length}`;
    assert.equal((await bench.call('POST', '/upstreams', { name, url, ...OFF })).status, 201, url);
  }
});

test('headers that the gateway owns, or that carry the caller’s credential, cannot be declared', async () => {
  const url = 'https://mcp.example.com';
  const bad = [
    { auth: { kind: 'headers', names: ['Host'] } },
    { auth: { kind: 'headers', names: ['X-A', 'x-a'] } },
    { auth: { kind: 'headers', names: ['bad name'] } },
    { auth: { kind: 'headers', names: [] } },
    { auth: { kind: 'headers', names: ['X'], values: { X: 'secret' } } },
    { forwardHeaders: ['Authorization'] },
    { forwardHeaders: ['cookie'] },
    { forwardHeaders: ['x_underscore'] },
    { auth: { kind: 'headers', names: ['X-Team'] }, forwardHeaders: ['x-team'] },
  ];
  for (const body of bad)
    assert.equal((await refusal({ name: 'headers', url, ...OFF, ...body })).status, 422, JSON.stringify(body));
});

test('an upstream that moves to another origin, or is made anew, is not sent what was stored for the old one', async () => {
  const auth = { kind: 'headers', names: ['Authorization'] };
  await bench.call('POST', '/upstreams', { name: 'mover', url: 'https://good.example.com/mcp', auth, ...OFF });
  await bench.call('PUT', '/upstreams/mover/credential', { values: { authorization: 'Bearer upstream-secret' } });
  const ref = {
    tenantId: DEFAULT_TENANT,
    upstream: 'mover',
    owner: { kind: 'shared', id: '' },
    name: 'Authorization',
  } as const;
  assert.equal((await bench.vault.get(ref))?.reveal(), 'Bearer upstream-secret');

  const ifMatch = async () => ({ headers: { 'if-match': (await bench.call('GET', '/upstreams/mover')).etag } });
  const samePlace = { url: 'https://good.example.com/v2/mcp', auth, ...OFF };
  assert.equal((await bench.call('PUT', '/upstreams/mover', samePlace, await ifMatch())).body.credentialsRemoved, 0);
  assert.notEqual(await bench.vault.get(ref), null);
  const elsewhere = { url: 'https://evil.example.com/mcp', auth, ...OFF };
  assert.equal((await bench.call('PUT', '/upstreams/mover', elsewhere, await ifMatch())).body.credentialsRemoved, 1);
  assert.equal(await bench.vault.get(ref), null);

  // Left behind by an upstream of the configuration file that is gone.
  const leftover = { ...ref, upstream: 'reborn' };
  const { Secret } = await import('../../src/lib/secret.ts');
  await bench.vault.put(leftover, new Secret('old'));
  await bench.call('POST', '/upstreams', { name: 'reborn', url: 'https://evil.example.com/mcp', auth, ...OFF });
  assert.equal(await bench.vault.get(leftover), null);
});
