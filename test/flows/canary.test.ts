/**
 * Canaries in every credential; then everything that leaves the gateway or lies on its disk is searched for them.
 *
 * Where a secret is by design:
 * - An access key is in the answer that creates it, and at the very first start on standard output.
 * - The program of a stdio upstream has its own `env` in its environment, which /proc shows to its user: that is how it
 *   gets it. It has nobody else's.
 * - The environment of the gateway itself holds what the operator put there.
 * - `audit-signing.key` holds that key (and `master.key` would hold the master key); only their owner may read them.
 * - A literal value in the configuration file stands in the configuration file.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ADMIN_ROUTES } from '../../src/admin/openapi.ts';
import { LEAKY_TOOLS } from '../fakes/leaky-tools.ts';
import { startOtlpCollector } from '../fakes/otlp-collector.ts';
import { LEAKY_HTTP_TOOLS, startLeakyUpstream } from '../fakes/upstream-leaky.ts';
import { type GatewayProcess, newDataDir, runToolgate, serveToolgate, until } from '../gateway-process.ts';
import { legacyClient, modernRequest, send } from '../mcp-client.ts';
import { canary, createSecretSearch } from '../secret-search.ts';

const STDIO = resolve(import.meta.dirname, '../fakes/upstream-leaky-stdio.ts');
const MARKER = 'cnry.';

const UPSTREAMS = [
  'by-env',
  'by-vault',
  'by-api',
  'literal',
  'personal',
  'program',
  'refusing',
  'garbage',
  'away',
  'crashing',
];
/** Their answers are recorded, too. */
const WITH_CONTENT = new Set(['by-env', 'by-vault', 'personal', 'program']);

/** Secrets that belong to a caller's own request: their echo to this caller is no leak. */
const ARGUMENTS = ['argument password', 'argument nested', 'argument of a rule', 'argument in words'];

async function startUpstreams(t: TestContext) {
  const [modern, legacy, refusing, garbage, collector] = await Promise.all([
    startLeakyUpstream('answers', { marker: MARKER }),
    startLeakyUpstream('answers', { marker: MARKER, era: 'legacy' }),
    startLeakyUpstream('refuses', { marker: MARKER }),
    startLeakyUpstream('garbage', { marker: MARKER }),
    startOtlpCollector(),
  ]);
  t.after(() => Promise.all([modern, legacy, refusing, garbage, collector].map((server) => server.close())));
  return { modern, legacy, refusing, garbage, collector };
}

type Secrets = ReturnType<typeof createSecretSearch>;

function configFor(search: Secrets, servers: Awaited<ReturnType<typeof startUpstreams>>) {
  const fromEnv = (what: string) => search.hide(`from env (${what})`, canary(`env-${what}`));
  const master = randomBytes(32);
  search.hide('master key', master.toString('base64'));
  search.hide('master key, bytes', master.toString('latin1'));
  const env = {
    CANARY_MASTER: master.toString('base64'),
    CANARY_HEADER: fromEnv('header'),
    CANARY_REFUSED: fromEnv('refused'),
    CANARY_GARBAGE: fromEnv('garbage'),
    CANARY_AWAY: fromEnv('away'),
    CANARY_STDIO: fromEnv('stdio'),
    CANARY_CRASH: fromEnv('crash'),
  };
  const headers = (values: object) => ({ auth: { headers: values } });
  const content = { audit: { response: 'content', redact: ['*customer*'] } };
  const config = {
    masterKey: { env: 'CANARY_MASTER' },
    log: { level: 'trace' },
    telemetry: { otlpEndpoint: servers.collector.url },
    upstreams: [
      {
        name: 'by-env',
        url: servers.modern.url,
        ...headers({ Authorization: 'Bearer ${env:CANARY_HEADER}' }),
        ...content,
      },
      { name: 'by-vault', url: servers.legacy.url, ...headers({ 'X-Api-Key': '${vault:entry}' }), ...content },
      {
        name: 'literal',
        url: servers.modern.url,
        ...headers({ 'X-Literal': search.hide('literal', canary('literal')) }),
      },
      { name: 'personal', url: servers.modern.url, auth: { headersPerUser: ['X-Token'] }, ...content },
      { name: 'refusing', url: servers.refusing.url, ...headers({ Authorization: 'Bearer ${env:CANARY_REFUSED}' }) },
      { name: 'garbage', url: servers.garbage.url, ...headers({ 'X-Key': '${env:CANARY_GARBAGE}' }) },
      { name: 'away', url: 'http://127.0.0.1:9/mcp', ...headers({ 'X-Key': '${env:CANARY_AWAY}' }) },
      {
        name: 'program',
        command: [process.execPath, STDIO],
        env: { TOKEN: '${vault:token}', OTHER: 'prefix-${env:CANARY_STDIO}' },
        ...content,
      },
      { name: 'crashing', command: [process.execPath, STDIO, '--crash'], env: { TOKEN: '${env:CANARY_CRASH}' } },
    ],
  };
  return { config, env };
}

/** Stores what belongs into the vault, and makes people with keys. */
async function storeSecrets(search: Secrets, gateway: GatewayProcess, url: string) {
  const stored = (what: string) => search.hide(`stored (${what})`, canary(`stored-${what}`));
  const put = async (path: string, values: object): Promise<void> => {
    const { status, body } = await gateway.admin('PUT', path, { values });
    assert.equal(status, 200, JSON.stringify(body));
  };
  await put('/upstreams/by-vault/credential', { entry: stored('shared header') });
  await put('/upstreams/program/credential', { token: stored('stdio') });
  const auth = { kind: 'headers', names: ['Authorization'] };
  assert.equal((await gateway.admin('POST', '/upstreams', { name: 'by-api', url, auth })).status, 201);
  await put('/upstreams/by-api/credential', { Authorization: `Bearer ${stored('over the API')}` });
  const { id } = (await gateway.admin('POST', '/users', { name: 'ann', displayName: 'Ann' })).body;
  const owner = { kind: 'user', id };
  const assigned = await gateway.admin('POST', '/role-assignments', { subject: owner, role: 'full-access' });
  assert.equal(assigned.status, 201, JSON.stringify(assigned.body));
  await put(`/upstreams/personal/credentials/user/${id}`, { 'X-Token': stored('personal header') });
  const issue = async (name: string) => {
    const { body } = await gateway.admin('POST', '/access-keys', { owner, name });
    return { id: body.accessKey.id as string, key: search.hide(`key (${name})`, body.key) };
  };
  const [ann, rotated, revoked] = [await issue('ann'), await issue('rotated'), await issue('revoked')];
  const successor = await gateway.admin('POST', `/access-keys/${rotated.id}/rotate`, { overlapSeconds: 600 });
  search.hide('key (successor)', successor.body.key);
  assert.ok((await gateway.admin('POST', `/access-keys/${revoked.id}/revoke`)).status < 300);
  return { ann, revoked };
}

/** All that a client gets, headers and body, also where it is no MCP or ends too early. */
async function exchange(url: string, init: RequestInit): Promise<string> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(10_000) }).catch((error) => {
    throw new Error(`${url} ${JSON.stringify(init)}`, { cause: error });
  });
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of response.body ?? []) chunks.push(chunk);
  } catch {
    // It was cut off; what had come counts.
  }
  return `${response.status} ${Buffer.concat(chunks).toString()} ${JSON.stringify([...response.headers])}`;
}

const post = (url: string, headers: Record<string, string>, body: object): Promise<string> =>
  exchange(url, {
    method: 'POST',
    headers: { accept: 'application/json, text/event-stream', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

/** Calls of all kinds, most of which fail. Returns what callers got. */
async function drive(
  search: Secrets,
  gateway: GatewayProcess,
  keys: { ann: { key: string }; revoked: { key: string } },
): Promise<string[]> {
  const seen: string[] = [];
  const authorization = `Bearer ${keys.ann.key}`;
  const args = {
    text: `said with bearer ${search.hide('argument in words', canary('words'))}`,
    password: search.hide('argument password', canary('password')),
    deep: [{ 'X-Api-Key': search.hide('argument nested', canary('nested')) }],
    customer_name: search.hide('argument of a rule', canary('customer')),
  };
  const ask = async (method: string, params: object = {}): Promise<void> => {
    const { body, headers } = modernRequest(method, params, { meta: { progressToken: 1 } });
    seen.push(await post(`${gateway.url}/mcp`, { ...headers, authorization }, body));
  };
  for (const upstream of UPSTREAMS) {
    const tools = upstream === 'program' ? LEAKY_TOOLS : LEAKY_HTTP_TOOLS;
    const url = `${gateway.url}/mcp/${upstream}`;
    const about = modernRequest('server/discover');
    seen.push(await post(url, { ...about.headers, authorization }, about.body));
    const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'client', version: '1' } };
    seen.push(await post(url, { authorization }, { jsonrpc: '2.0', id: 0, method: 'initialize', params: hello }));
    const session = await legacyClient(url, keys.ann.key).catch(({ message }) => void seen.push(message));
    const inSession = { authorization, 'mcp-session-id': String(session?.sessionId) };
    const asks = WITH_CONTENT.has(upstream) ? args : { text: 'hello' };
    for (const [id, name] of tools.entries()) {
      await ask('tools/call', { name: `${upstream}__${name}`, arguments: asks });
      const params = { name, arguments: asks, _meta: { progressToken: 1 } };
      seen.push(await post(url, inSession, { jsonrpc: '2.0', id, method: 'tools/call', params }));
    }
    await ask('prompts/get', { name: `${upstream}__none` });
    await ask('resources/read', { uri: `test://${upstream}` });
    seen.push(await exchange(url, { method: 'DELETE', headers: inSession }));
  }
  for (const method of ['tools/list', 'prompts/list', 'resources/list', 'server/discover']) await ask(method);

  const { key } = keys.ann;
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
  for (const [path, headers] of [
    [`/mcp?access_token=${key}`, {}],
    [`/mcp?x=${encodeURIComponent(key)}`, {}],
    ['/mcp', { authorization: `Basic ${Buffer.from(`x:${key}`).toString('base64')}` }],
    ['/mcp', { authorization: `Bearer ${key}x` }],
    ['/mcp', { authorization, 'x-api-key': key }],
    ['/mcp', { authorization: `Bearer ${keys.revoked.key}` }],
    ['/mcp', { cookie: `key=${key}` }],
    ['/mcp', { authorization, 'mcp-session-id': key }],
    ['/mcp', { authorization, origin: `https://${key}.example` }],
    ['/api/v1/users', { authorization }],
    ['/metrics', { authorization: `Bearer ${keys.revoked.key}` }],
  ] as [string, Record<string, string>][]) {
    const url = `${gateway.url}${path}`;
    seen.push(await (path.startsWith('/mcp') ? post(url, headers, body) : exchange(url, { headers })));
  }
  return seen;
}

async function administer(search: Secrets, gateway: GatewayProcess): Promise<string> {
  const answers: string[] = [];
  const _names = [
    'by-env',
    'by-vault',
    'by-api',
    'literal',
    'personal',
    'refusing',
    'garbage',
    'away',
    'program',
    'crashing',
  ];
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await gateway.admin(method, path, body);
    answers.push(`${JSON.stringify(answer.body)} ${JSON.stringify([...answer.headers])}`);
  };
  for (const name of UPSTREAMS) await ask('POST', `/upstreams/${name}/test`);
  for (const { method, path } of ADMIN_ROUTES) {
    if (method !== 'GET') continue;
    if (path.includes('{name}')) for (const name of UPSTREAMS) await ask('GET', path.replace('{name}', name));
    else await ask('GET', path);
  }
  await ask('PUT', '/upstreams/by-vault/credential', {
    values: { entry: `${search.hide('refused value', canary('refused'))}\n` },
  });
  await ask('POST', '/vault/rotate', { masterKey: true });
  await ask('POST', '/vault/rotate', {});
  const metrics = await send(`${gateway.url}/metrics`, {
    method: 'GET',
    headers: { authorization: `Bearer ${gateway.ownerKey}` },
  });
  assert.equal(metrics.status, 200);
  search.look('/metrics', metrics.body);
  return answers.join('\n');
}

/** The process and everything that it started, by id. */
async function processTree(root: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const parent = /\) \S (\d+)/.exec(text)?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const tree = [root];
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  return tree;
}

/** What `ps` shows to everybody, and what /proc shows to the same user. */
async function lookAtProcesses(search: Secrets, gateway: GatewayProcess): Promise<void> {
  const own = ['stored (stdio)', 'from env (stdio)'];
  let programs = 0;
  for (const pid of await processTree(gateway.pid)) {
    const cmdline = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    search.look(`command line of ${cmdline}`, cmdline);
    if (pid === gateway.pid) continue;
    const crashing = cmdline.includes('--crash');
    const environ = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    if (cmdline.includes('upstream-leaky-stdio')) programs++;
    search.look(`environment of ${cmdline}`, environ, crashing ? ['from env (crash)'] : own);
  }
  assert.ok(programs > 0, 'the program was looked at');
}

async function lookAtFolder(search: Secrets, folder: string): Promise<void> {
  const names = await readdir(folder, { recursive: true });
  assert.ok(names.includes('toolgate.db') && names.includes('audit.db'), names.join());
  for (const name of names) {
    const file = join(folder, name);
    const { mode } = await stat(file);
    assert.equal(mode & 0o077, 0, `others may not use ${name}`);
    search.look(name, await readFile(file, 'latin1'), name === 'audit-signing.key' ? ['audit signing key'] : []);
  }
}

test('no secret is anywhere but where it belongs', { timeout: 170_000 }, async (t) => {
  const search = createSecretSearch();
  const servers = await startUpstreams(t);
  const { config, env } = configFor(search, servers);
  const dataDir = await newDataDir(t);
  const gateway = await serveToolgate(t, { dataDir, config, env });
  search.hide('key (owner)', gateway.ownerKey!);
  search.hide('key (first service key)', gateway.serviceKey!);
  const pem = await readFile(join(dataDir, 'audit-signing.key'), 'utf8');
  search.hide('audit signing key', pem.split('\n')[1]!.slice(-40));

  const keys = await storeSecrets(search, gateway, servers.modern.url);
  await until('the upstreams that answer are ready', async () => {
    const { body } = await gateway.admin('GET', '/upstreams?limit=100');
    const ready = body.items.filter(({ status }: { status: { state: string } }) => status.state === 'ready');
    return ready.length >= 5;
  });
  const replies = await drive(search, gateway, keys);
  for (const [index, reply] of replies.entries())
    search.look(`answer ${index} to a caller: ${reply.slice(0, 200)}`, reply, ARGUMENTS);
  search.look('answers of the admin API', await administer(search, gateway));
  await lookAtProcesses(search, gateway);

  for (const path of ['/audit/events?limit=500', '/audit/tail?limit=500', '/audit/export']) {
    const { status, body } = await gateway.admin('GET', path);
    assert.equal(status, 200);
    search.look(path, typeof body === 'string' ? body : JSON.stringify(body));
  }
  for (const args of [
    ['upstream', 'list', '--json'],
    ['doctor'],
    ['export'],
    ['audit', 'search', '--json'],
    ['whoami'],
  ]) {
    const cli = runToolgate(t, args, { env: { ...env, TOOLGATE_URL: gateway.url, TOOLGATE_KEY: gateway.ownerKey! } });
    await cli.exited;
    search.look(`toolgate ${args.join(' ')}`, cli.output());
  }
  await lookAtFolder(search, dataDir);
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  await lookAtFolder(search, dataDir);
  search.look('log', gateway.stderr());
  search.look('standard output', gateway.stdout(), ['key (owner)', 'key (first service key)']);
  for (const body of servers.collector.bodies) search.look('traces', body);

  for (const said of ['instructions', 'title']) {
    const shown = replies.filter((reply) => reply.includes('Never use') && reply.includes(`"${said}"`));
    assert.ok(shown.length >= 5 && shown.every((reply) => reply.includes('[redacted]')), said);
  }
  // Everything was there to be found: it arrived where it belongs.
  const arrived = [...servers.modern.received, ...servers.legacy.received].join();
  for (const mark of ['env-header', 'stored-shared', 'stored-over', 'stored-personal', 'literal']) {
    assert.ok(arrived.includes(`${MARKER}${mark}`), `${mark} never reached its upstream`);
  }
  assert.ok([...servers.refusing.received].join().includes('env-refused'));
  assert.ok(servers.collector.bodies.length > 0);
  assert.ok(gateway.stderr().includes('stderr'), 'programs were heard');
  assert.deepEqual(search.leaks(), []);
});

test('the search finds a secret in every form that it knows', () => {
  const secret = canary('itself');
  for (const text of [
    `x${secret}x`,
    Buffer.from(`user:${secret}`).toString('base64'),
    Buffer.from(`${secret}\n`).toString('base64url'),
    Buffer.from(secret).toString('hex'),
    [...secret].map((character) => `%${character.charCodeAt(0).toString(16)}`).join(''),
  ]) {
    const search = createSecretSearch();
    search.hide('secret', secret);
    search.look('here', text);
    assert.deepEqual(search.leaks(), ['secret: here'], text);
  }
});
