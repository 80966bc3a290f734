import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { localUrl } from './config.ts';
import { ConfigError } from './fault.ts';
import { type LoadedConfig, type LoadOptions, loadConfig } from './load-config.ts';

let root: string;
let counter = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'toolgate-config-'));
});
after(() => rm(root, { recursive: true }));

type Options = Omit<Partial<LoadOptions>, 'cwd'>;

/** Loads a configuration from a working directory of its own, with these files in it. */
async function load(
  files: string | Record<string, string>,
  options: Options = {},
): Promise<LoadedConfig & { cwd: string }> {
  const cwd = join(root, String(counter++));
  await mkdir(cwd);
  for (const [name, text] of Object.entries(typeof files === 'string' ? { 'toolgate.yaml': files } : files)) {
    await mkdir(join(cwd, name, '..'), { recursive: true });
    await writeFile(join(cwd, name), text);
  }
  return { ...(await loadConfig({ env: {}, ...options, cwd })), cwd };
}

/** The faults, each as `place setting: problem fix`. */
async function faultsOf(files: string | Record<string, string>, options: Options = {}): Promise<string[]> {
  try {
    await load(files, options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ place, setting, problem, fix }) => `${place} ${setting}: ${problem} ${fix}`);
  }
  return [];
}

test('without any source the defaults hold, and every path is absolute', async () => {
  const { config, warnings, file, cwd } = await load({});
  assert.equal(file, undefined);
  assert.deepEqual(warnings, []);
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 8420 });
  assert.equal(config.publicUrl, 'http://127.0.0.1:8420');
  assert.equal(config.auth, 'keys');
  assert.equal(config.dataDir, join(cwd, 'toolgate-data'));
  assert.deepEqual(config.masterKey, { file: join(cwd, 'toolgate-data', 'master.key') });
  assert.equal(config.audit.mode, 'strict');
  assert.equal(config.limits.bodyBytes, 4 * 1024 * 1024);
  assert.deepEqual([config.upstreams, config.roles, config.trustedProxies], [[], [], []]);
});

test('an empty file, and one with comments only, is a configuration', async () => {
  assert.equal((await load('')).config.listen.port, 8420);
  assert.equal((await load('# nothing yet\n')).config.listen.port, 8420);
});

test('flags win over the environment, the environment over the file, the file over defaults', async () => {
  const yaml = 'listen: { port: 1111 }\naudit: { mode: async, deadlineMs: 111 }\nlog: { level: debug }\n';
  const env = { TOOLGATE_LISTEN_PORT: '2222', TOOLGATE_AUDIT_DEADLINE_MS: '222' };
  const { config } = await load(yaml, { env, flags: { port: '3333', host: undefined } });
  assert.equal(config.listen.port, 3333);
  assert.equal(config.listen.host, '127.0.0.1');
  assert.equal(config.audit.deadlineMs, 222);
  assert.equal(config.audit.mode, 'async');
  assert.equal(config.log.level, 'debug');
});

test('lists in variables and flags are separated by commas, and flags may be in kebab-case or camelCase', async () => {
  const env = { TOOLGATE_ALLOWED_HOSTS: 'a.example, b.example:81,' };
  const flags = { 'trusted-proxies': ['10.0.0.0/8', '::1'], allowedOrigins: 'https://a.example' };
  const { config } = await load({}, { env, flags });
  assert.deepEqual(config.allowedHosts, ['a.example', 'b.example:81']);
  assert.deepEqual(config.trustedProxies, ['10.0.0.0/8', '::1']);
  assert.deepEqual(config.allowedOrigins, ['https://a.example']);
});

test('an empty variable counts as not set', async () => {
  const { config } = await load('auth: keys', { env: { TOOLGATE_PUBLIC_URL: '', TOOLGATE_CONFIG: '' } });
  assert.equal(config.publicUrl, 'http://127.0.0.1:8420');
});

test('the file is the named one, else the one in the working directory, else the one in the data folder', async () => {
  const files = {
    'toolgate.yaml': 'listen: { port: 1 }',
    'other.yaml': 'listen: { port: 2 }',
    'toolgate-data/toolgate.yaml': 'listen: { port: 3 }',
    'data/toolgate.yaml': 'listen: { port: 4 }',
  };
  const portOf = async (options: Options, without?: string) => {
    const { [without ?? '']: _, ...rest } = files as Record<string, string>;
    return (await load(rest, options)).config.listen.port;
  };
  assert.equal(await portOf({}), 1);
  assert.equal(await portOf({ flags: { config: 'other.yaml' } }), 2);
  assert.equal(await portOf({ env: { TOOLGATE_CONFIG: './other.yaml' } }), 2);
  assert.equal(await portOf({}, 'toolgate.yaml'), 3);
  assert.equal(await portOf({ env: { TOOLGATE_DATA_DIR: 'data' } }, 'toolgate.yaml'), 4);
  assert.equal(await portOf({ flags: { dataDir: 'data' } }, 'toolgate.yaml'), 4);
});

test('relative paths start at the file when they stand in it, else at the working directory', async () => {
  const yaml = 'dataDir: ../data\nmasterKey: { file: key }\nupstreams: [{ name: a, command: [x], cwd: sub }]';
  const inFile = await load({ 'etc/t.yaml': yaml }, { flags: { config: 'etc/t.yaml' } });
  assert.equal(inFile.config.dataDir, join(inFile.cwd, 'data'));
  assert.deepEqual(inFile.config.masterKey, { file: join(inFile.cwd, 'etc/key') });
  assert.equal(
    inFile.config.upstreams[0]?.transport === 'stdio' && inFile.config.upstreams[0].cwd,
    join(inFile.cwd, 'etc/sub'),
  );

  const env = { TOOLGATE_DATA_DIR: 'data', TOOLGATE_MASTER_KEY_FILE: 'key' };
  const outside = await load({ 'etc/t.yaml': yaml }, { env, flags: { config: 'etc/t.yaml' } });
  assert.equal(outside.config.dataDir, join(outside.cwd, 'data'));
  assert.deepEqual(outside.config.masterKey, { file: join(outside.cwd, 'key') });
});

test('a master key source that a stronger source chooses replaces the one of a weaker source', async () => {
  const { config } = await load('masterKey: { file: key }', { env: { TOOLGATE_MASTER_KEY_FD: '3' } });
  assert.deepEqual(config.masterKey, { fd: 3 });
  const named = await load('masterKey: { fd: 4 }', { env: { KEY: 'x' }, flags: { masterKeyEnv: 'KEY' } });
  assert.deepEqual(named.config.masterKey, { env: 'KEY' });
});

test('all faults come at once, in the order of the file, each with its place and what to do', async () => {
  const yaml = `listen:
  prot: 1
audit:
  mode: asynch
limits:
  depth: deep
allowedHosts: ['*.example.com', ok.example]
upstreams:
  - name: Git Hub
    uri: https://github.example/mcp
  - name: files
    command: node server.js
`;
  const env = { TOOLGATE_AUDIT_MOED: 'strict', TOOLGATE_LOG_LEVEL: 'loud' };
  const faults = await faultsOf(yaml, { env, flags: { port: '99999', hots: 'x' } });
  assert.deepEqual(
    faults.map((fault) =>
      fault
        .split(':')
        .slice(0, fault.startsWith('toolgate.yaml') ? 3 : 1)
        .join(':'),
    ),
    [
      'toolgate.yaml:2:3 listen.prot',
      'toolgate.yaml:4:3 audit.mode',
      'toolgate.yaml:6:3 limits.depth',
      'toolgate.yaml:7:16 allowedHosts[0]',
      'toolgate.yaml:9:5 upstreams[0].name',
      'toolgate.yaml:9:5 upstreams[0].url',
      'toolgate.yaml:10:5 upstreams[0].uri',
      'toolgate.yaml:12:5 upstreams[1].command',
      '--port listen.port',
      'TOOLGATE_LOG_LEVEL log.level',
      'TOOLGATE_AUDIT_MOED ',
      '--hots ',
    ],
  );
  const all = faults.join('\n');
  for (const hint of [
    '`port`',
    '`async`',
    'whole number, 4 to 1000',
    '`url`',
    'as `[first, second]`',
    '`TOOLGATE_AUDIT_MODE`',
    '`--host`',
  ]) {
    assert.ok(all.includes(hint), `${hint} in\n${all}`);
  }
});

test('the message of the error is a readable list', async () => {
  await assert.rejects(load('liste: {}'), {
    name: 'ConfigError',
    message:
      'The configuration has one fault:\n\n  toolgate.yaml:1:1  liste\n    `liste` is not a known key. Did you mean `listen`?',
  });
});

const BROKEN: readonly [what: string, yaml: string, expected: RegExp][] = [
  ['a syntax error', 'listen:\n  host: [1\nauth: keys', /^toolgate\.yaml:[23]:\d+ : This is not valid YAML/],
  ['a key twice', 'auth: keys\nauth: none', /^toolgate\.yaml:2:1 : This is not valid YAML: Map keys must be unique/],
  ['a tab as indent', 'listen:\n\thost: x', /^toolgate\.yaml:2:1 .*YAML/],
  ['an unknown tag', 'auth: !js/function x', /^toolgate\.yaml:1:7 .*YAML/],
  ['two documents', 'auth: keys\n---\nauth: none', /YAML/],
  ['a list', '- a', /^toolgate\.yaml:1:1 : The file is not a map/],
  ['a word', 'hello', /not a map/],
  ['a value left out', 'listen:\n', /^toolgate\.yaml:1:1 listen: This has no value/],
  ['a prototype', '__proto__: { auth: none }', /^toolgate\.yaml:1:1 __proto__: `__proto__` is not a known key/],
  ['a merge key', 'x: &x { port: 1 }\nlisten: { <<: *x }', /`<<` is not a known key/],
  [
    'an anchor that grows',
    'a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]',
    /expand to too much/,
  ],
];
for (const [what, yaml, expected] of BROKEN) {
  test(`${what} is a fault with its place`, async () => {
    const faults = await faultsOf(yaml);
    assert.match(faults.join('\n'), expected);
  });
}

test('a file that cannot be read is a fault: missing, a folder, not text, too large', async () => {
  assert.match((await faultsOf({}, { flags: { config: 'no.yaml' } }))[0] ?? '', /^no\.yaml : There is no such file/);
  assert.match((await faultsOf({ 'd/x': '' }, { flags: { config: 'd' } }))[0] ?? '', /^d : This is a folder/);
  assert.match((await faultsOf({}, { flags: { config: '/dev/zero' } }))[0] ?? '', /^\/dev\/zero : .*larger than 1 MiB/);
  const binary = join(root, 'binary.yaml');
  await writeFile(binary, Buffer.from([0xff, 0xfe, 0x00]));
  assert.match((await faultsOf({}, { flags: { config: binary } }))[0] ?? '', /not UTF-8/);
});

test('a file without permission is a fault', async (t) => {
  const secret = join(root, 'secret.yaml');
  await writeFile(secret, '');
  await chmod(secret, 0);
  if (process.getuid?.() === 0) {
    // Root may read everything; nobody may not.
    process.seteuid?.(65_534);
    t.after(() => process.seteuid?.(0));
  }
  const loading = loadConfig({ env: {}, cwd: tmpdir(), flags: { config: secret } });
  await assert.rejects(loading, (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.faults[0]!.problem, /may not be read/);
    return true;
  });
});

test('an unreadable file does not hide faults of flags, and causes no faults by its absence', async () => {
  const faults = await faultsOf('publicUrl: [', { env: { TOOLGATE_LISTEN_HOST: '0.0.0.0' }, flags: { port: 'x' } });
  assert.equal(faults.length, 2, faults.join('\n'));
  assert.match(faults[0] ?? '', /YAML/);
  assert.match(faults[1] ?? '', /^--port/);
});

const EXPOSURE: readonly [yaml: string, expected: RegExp | null][] = [
  ['listen: { host: 0.0.0.0 }', /listen\.host: Listening beyond loopback needs `publicUrl`/],
  ["listen: { host: '::' }", /needs `publicUrl`/],
  ['listen: { host: 192.168.1.2 }', /needs `publicUrl`/],
  ['listen: { host: 127.1 }', /quotes|needs `publicUrl`/],
  ['listen: { host: 0.0.0.0 }\npublicUrl: https://mcp.example.com', null],
  ['listen: { host: 0.0.0.0 }\npublicUrl: http://localhost:8420', null],
  ["listen: { host: '::1' }", null],
  ['listen: { host: localhost }', null],
  ['auth: none', null],
  ['auth: none\nlisten: { host: 0.0.0.0 }\npublicUrl: http://localhost:8420', /auth: `none` would let anybody/],
  ['auth: none\npublicUrl: https://mcp.example.com', /auth: `none` would let anybody/],
];
for (const [yaml, expected] of EXPOSURE) {
  test(`${yaml.replaceAll('\n', ', ')} is ${expected === null ? 'accepted' : 'refused'}`, async () => {
    const faults = await faultsOf(yaml);
    if (expected === null) assert.deepEqual(faults, []);
    else assert.match(faults.join('\n'), expected);
  });
}

const TEXTS: readonly [yaml: string, expected: RegExp | null][] = [
  ['publicUrl: https://mcp.example.com/', null],
  ['publicUrl: http://[::1]:8420', null],
  ['publicUrl: http://mcp.example.com', /clear text/],
  ['publicUrl: https://mcp.example.com/gate', /has a path/],
  ['publicUrl: https://mcp.example.com/?a', /has a path or a query/],
  ['publicUrl: https://mcp.example.com/#a', /fragment/],
  ['publicUrl: https://user:canary@mcp.example.com', /user name or password/],
  ['publicUrl: mcp.example.com', /not an http\(s\) URL/],
  ['publicUrl: javascript:alert(1)', /not an http\(s\) URL/],
  ['publicUrl: http://localhost:0', /Port 0/],
  ["listen: { host: 'http://x' }", /not a host/],
  ["listen: { host: '[::1]' }", /without brackets/],
  ["listen: { host: '127.0.0.1:80' }", /not a host/],
  ['allowedHosts: [https://x]', /not a host/],
  ['allowedHosts: ["x:99999"]', /not a host/],
  ['allowedHosts: [x/y]', /not a host/],
  ['allowedHosts: ["[::1]:80", x, "y:1"]', null],
  ['allowedOrigins: ["*"]', /one exact site/],
  ['allowedOrigins: ["null"]', /one exact site/],
  ['allowedOrigins: ["https://x/"]', /not a web origin/],
  ['allowedOrigins: [x.example]', /not a web origin/],
  ['trustedProxies: [10.0.0.1/8]', /you may mean 10\.0\.0\.0\/8/],
  ['trustedProxies: [10.0.0.0/33]', /0 to 32/],
  ['trustedProxies: [proxy.example]', /not a network/],
  ['telemetry: { otlpEndpoint: localhost:4318 }', /not an http\(s\) URL/],
  ['masterKey: { file: a, fd: 3 }', /`file` and `fd` are both set/],
  ['masterKey: { env: NOT_SET }', /NOT_SET is not set/],
  ['masterKey: { fd: 1 }', /out of range/],
  ['listen: { port: 80.5 }', /right type|out of range/],
  ['listen: { port: "80" }', /right type/],
  ['log: info', /has to be a map/],
];
for (const [yaml, expected] of TEXTS) {
  test(`${yaml} is ${expected === null ? 'accepted' : 'refused'}`, async () => {
    const faults = await faultsOf(yaml);
    if (expected === null) return assert.deepEqual(faults, []);
    assert.match(faults.join('\n'), expected);
    assert.doesNotMatch(faults.join('\n'), /canary/);
  });
}

test('the public URL is kept as an origin, without trailing slash and default port', async () => {
  assert.equal((await load('publicUrl: HTTPS://MCP.example.com:443/')).config.publicUrl, 'https://mcp.example.com');
});

test('a file in the data folder may not name another data folder', async () => {
  const files = { 'toolgate-data/toolgate.yaml': 'dataDir: ./toolgate-data' };
  assert.match((await faultsOf(files)).join(), /names another data folder/);
  assert.deepEqual(await faultsOf({ 'toolgate-data/toolgate.yaml': 'dataDir: .' }), []);
});

test('variables that an orchestrator sets next to a service called toolgate are warnings only', async () => {
  const env = {
    TOOLGATE_PORT: 'tcp://10.0.0.1:8420',
    TOOLGATE_SERVICE_HOST: '10.0.0.1',
    TOOLGATE_PORT_8420_TCP: 'x',
    TOOLGATE_KEY: 'x',
  };
  const { config, warnings } = await load({}, { env, ownVariables: ['TOOLGATE_KEY'] });
  assert.equal(config.listen.port, 8420);
  assert.deepEqual(
    warnings.map(({ place }) => place),
    ['TOOLGATE_PORT', 'TOOLGATE_PORT_8420_TCP', 'TOOLGATE_SERVICE_HOST'],
  );
});

test('variables that the configuration refers to are known', async () => {
  const yaml = "upstreams: [{ name: a, url: 'https://a.example', auth: { headers: { X-Key: '${env:TOOLGATE_A}' } } }]";
  const env = { TOOLGATE_A: 'x', TOOLGATE_MASTER_KEY: 'y', TOOLGATE_MASTER_KEY_ENV: 'TOOLGATE_MASTER_KEY' };
  assert.deepEqual((await load(yaml, { env })).warnings, []);
});

test('what is allowed and yet doubtful is warned about', async () => {
  const { warnings } = await load('trustedProxies: [10.0.0.0/8, 0.0.0.0/0]\nauth: none');
  assert.deepEqual(
    warnings.map(({ place, setting }) => `${place} ${setting}`),
    ['toolgate.yaml:1:30 trustedProxies[1]', 'toolgate.yaml:2:1 auth'],
  );
});

test('roles are handed on as they stand, and their places can be named', async () => {
  const { config, placeOf } = await load('roles:\n  - name: engineer\n    allow: [{ upstream: "*" }]\n');
  assert.deepEqual(config.roles, [{ name: 'engineer', allow: [{ upstream: '*' }] }]);
  assert.equal(placeOf(['roles', 0, 'allow', 0, 'upstream']), 'toolgate.yaml:3:15');
});

test('local URLs put IPv6 addresses into brackets', () => {
  assert.equal(localUrl('::1', 8420), 'http://[::1]:8420');
  assert.equal(localUrl('127.0.0.1', 80), 'http://127.0.0.1');
});

test('a variable that holds the secret of an identity provider and is not set is a warning with its place', async () => {
  const yaml = `oauth:
  identityProviders:
    - name: corp
      issuer: https://idp.example.com
      clientId: gateway
      clientSecret: \${env:CORP_SECRET}
`;
  assert.deepEqual((await load(yaml, { env: { CORP_SECRET: 'there' } })).warnings, []);
  const { warnings } = await load(yaml, {});
  assert.deepEqual(
    warnings.map(({ place, setting, problem }) => `${place} ${setting}: ${problem}`),
    ['toolgate.yaml:6:7 oauth.identityProviders[0].clientSecret: The environment variable CORP_SECRET is not set.'],
  );
});
