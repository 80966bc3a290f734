import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { pathText } from './fault.ts';
import { readUpstreams } from './read-upstreams.ts';

/** Reads entries written in YAML; references are looked for in this environment only. */
function read(yaml: string, env: Record<string, string> = { GITHUB_TOKEN: 'canary' }) {
  const { upstreams, headers, faults, warnings } = readUpstreams(parse(yaml), '/etc/toolgate', env);
  const lines = (findings: typeof faults) =>
    findings.map(({ path, problem, fix }) => `${pathText(path)}: ${problem} ${fix}`);
  return { upstreams, headers, faults: lines(faults), warnings: lines(warnings) };
}

test('a server on the network becomes an upstream; header values stay references and secrets', () => {
  const { upstreams, headers, faults, warnings } = read(`
- name: github
  url: https://mcp.github.example/mcp
  auth: { headers: { Authorization: 'Bearer \${env:GITHUB_TOKEN}', X-Org: '\${vault:org}' } }
  forwardHeaders: [X-Request-Id, traceparent]
  timeoutMs: 5000
  audit: { response: content, redact: ['*password*'] }
`);
  assert.deepEqual([faults, warnings], [[], []]);
  assert.deepEqual(upstreams, [
    {
      name: 'github',
      source: 'file',
      transport: 'http',
      url: 'https://mcp.github.example/mcp',
      auth: { kind: 'headers', names: ['Authorization', 'X-Org'] },
      identityHeader: null,
      forwardHeaders: ['x-request-id', 'traceparent'],
      timeoutMs: 5000,
      maxConcurrent: 256,
      enabled: true,
      audit: { response: 'content', redact: ['*password*'] },
    },
  ]);
  const templates = headers.get('github') ?? [];
  assert.deepEqual(
    templates.map(([name, template]) => [name, template.reveal()]),
    [
      ['Authorization', 'Bearer ${env:GITHUB_TOKEN}'],
      ['X-Org', '${vault:org}'],
    ],
  );
  assert.doesNotMatch(JSON.stringify([...headers]), /Bearer|canary/);
});

test('a program becomes a stdio upstream, its working directory absolute', () => {
  const { upstreams, faults } = read(`
- name: notes
  command: [node, notes-server.ts, '--title=My notes']
  env: { TOKEN: '\${vault:notes}', MODE: fast }
  cwd: ../examples
  isolation: session
`);
  assert.deepEqual(faults, []);
  assert.deepEqual(upstreams, [
    {
      name: 'notes',
      source: 'file',
      transport: 'stdio',
      command: ['node', 'notes-server.ts', '--title=My notes'],
      env: { TOKEN: '${vault:notes}', MODE: 'fast' },
      cwd: '/etc/examples',
      isolation: 'session',
      auth: { kind: 'none' },
      forwardHeaders: [],
      timeoutMs: 60_000,
      maxConcurrent: 256,
      enabled: true,
      audit: { response: 'hash', redact: [] },
    },
  ]);
});

test('`auth` is none by default and when it says so, or a list of headers for each user', () => {
  const { upstreams, faults } = read(`
- { name: a, url: 'https://a.example' }
- { name: b, url: 'https://b.example', auth: none }
- { name: c, url: 'https://c.example', transport: sse, auth: { headersPerUser: [Authorization] } }
`);
  assert.deepEqual(faults, []);
  assert.deepEqual(
    upstreams.map(({ auth }) => auth),
    [{ kind: 'none' }, { kind: 'none' }, { kind: 'headers-per-user', names: ['Authorization'] }],
  );
});

const http = (rest: string) => `- { name: a, url: 'https://a.example', ${rest} }`;
const withHeader = (name: string, value: string) => http(`auth: { headers: { ${name}: ${value} } }`);

const REFUSED: readonly [yaml: string, expected: RegExp][] = [
  ['- name: a', /upstreams\[0\]: Neither `url` nor `command` is set/],
  ["- { name: a, url: 'https://a', command: [x] }", /Both `url` and `command`/],
  ['- just-a-name', /has to be a map/],
  ["- { url: 'https://a' }", /`name` is missing/],
  ['- { nam: a, url: https://a }', /`nam` is not a known key. Did you mean `name`\?/],
  ['- { name: a, comand: [x] }', /`comand` is not a known key. Did you mean `command`\?/],
  [
    "- { name: a, url: 'https://a' }\n- { name: a, url: 'https://b' }",
    /upstreams\[1\]\.name: `upstreams\[0\]` has the same name/,
  ],
  ...['callback', '../x', 'gıthub', 'GitHub', 'a_b', 'a__b', "''", `${'a'.repeat(33)}`, 'a b', '"a\\n"'].map(
    (name): [string, RegExp] => [`- { name: ${name}, url: 'https://a' }`, /upstreams\[0\]\.name: .*1 to 32 of a–z/],
  ),
  ["- { name: a, url: 'file:///etc/passwd' }", /not an http\(s\) URL/],
  ["- { name: a, url: 'https://u:canary@a.example' }", /user name or password/],
  ["- { name: a, url: 'https://a.example/?key=${env:GITHUB_TOKEN}' }", /cannot hold a reference/],
  ["- { name: a, url: 'https://a.example/#x' }", /fragment/],
  [http('transport: websocket'), /not one of `http`, `sse`/],
  [http('transport: htp'), /Did you mean `http`\?/],
  [http('auth: nome'), /auth: This has to be a map/],
  [http('auth: { headers: { A: x }, headersPerUser: [B] }'), /Both `headers` and `headersPerUser`/],
  [http('auth: { header: { A: x } }'), /Did you mean `headers`\?/],
  [http('auth: { headers: {} }'), /no header here/],
  [http('auth: { headersPerUser: [] }'), /empty/],
  [withHeader('Host', 'evil'), /sets this header itself/],
  [withHeader('Content-Length', '"0"'), /sets this header itself/],
  [withHeader('Transfer-Encoding', 'chunked'), /sets this header itself/],
  [withHeader('Mcp-Session-Id', 'x'), /sets this header itself/],
  [withHeader('"X Key"', 'x'), /not a header name/],
  [withHeader('"X:Key"', 'x'), /not a header name/],
  [withHeader('X-Key', '"canary\\r\\nHost: evil"'), /auth\.headers\.X-Key: The value holds characters/],
  [withHeader('X-Key', '"canaryü"'), /The value holds characters/],
  [withHeader('X-Key', '" canary"'), /blanks around it/],
  [withHeader('X-Key', '""'), /empty/],
  [withHeader('X-Key', '1234'), /Put it in quotes/],
  [withHeader('X-Key', "'canary ${GITHUB_TOKEN}'"), /neither \$\{env:NAME\} nor \$\{vault:NAME\}/],
  [withHeader('X-Key', "'${env:NOT_THERE}'"), /variable NOT_THERE is not set/],
  [http('auth: { headers: { X-Key: x, x-key: y } }'), /already set above/],
  [http('forwardHeaders: [Authorization]'), /never reaches an upstream/],
  [http('forwardHeaders: [Cookie]'), /never reaches an upstream/],
  [http('forwardHeaders: [X-Toolgate-Key]'), /never reaches an upstream/],
  [http('forwardHeaders: [Connection]'), /sets this header itself/],
  [http('forwardHeaders: [X_User]'), /`_` are not passed on/],
  [http("auth: { headers: { X-Key: '${vault:a}' } }, forwardHeaders: [x-key]"), /forwardHeaders\[0\]: .*under `auth`/],
  [http('timeoutMs: 0'), /out of range/],
  [http('maxConcurrent: many'), /right type. Write a whole number, 1 to 100000/],
  [http('enabled: sometimes'), /right type/],
  [http('audit: { response: all }'), /not one of `hash`, `content`/],
  ['- { name: a, command: [] }', /command: This is empty/],
  ['- { name: a, command: "node server.js" }', /command: This has to be a list/],
  ['- { name: a, command: [x, 1] }', /command\[1\]: .*Put it in quotes/],
  ['- { name: a, command: ["x\\0y"] }', /command\[0\]/],
  ['- { name: a, command: [x], env: { "A=B": x } }', /not a variable name/],
  ['- { name: a, command: [x], env: { A: "x\\0" } }', /NUL/],
  ['- { name: a, command: [x], env: { A: true } }', /env\.A: .*Put it in quotes/],
  ["- { name: a, command: [x], env: { A: '${env:NOT_THERE}' } }", /env\.A: The environment variable NOT_THERE/],
  ['- { name: a, command: [x], auth: none }', /`auth` is not a known key/],
  ['- { name: a, command: [x], isolation: user }', /not one of `shared`, `session`/],
];
for (const [yaml, expected] of REFUSED) {
  test(`${yaml.slice(0, 90)} is refused`, () => {
    const { faults } = read(yaml);
    assert.match(faults.join('\n'), expected);
    assert.doesNotMatch(faults.join('\n'), /canary/);
  });
}

test('a missing variable is reported beside what else is wrong with the entry', () => {
  const { faults } = read(
    "- { name: a, url: 'https://a', timout: 1, auth: { headers: { X-Key: '${env:NOT_THERE}' } } }",
  );
  assert.equal(faults.length, 2, faults.join('\n'));
});

test('an upstream that is switched off needs no variables yet', () => {
  assert.deepEqual(read(http("enabled: false, auth: { headers: { X-Key: '${env:NOT_THERE}' } }")).faults, []);
});

test('literal secrets and clear text connections are warned about, without repeating them', () => {
  const { faults, warnings } = read(`
- { name: a, url: 'https://a.example', auth: { headers: { Authorization: 'Bearer canary' } } }
- { name: b, url: 'https://b.example', auth: { headers: { X-Region: 'ghp_0123456789canary0123456789' } } }
- { name: c, url: 'http://c.example', auth: { headersPerUser: [X-Key] } }
- { name: d, command: [x], env: { API_KEY: canary } }
`);
  assert.deepEqual(faults, []);
  assert.deepEqual(
    warnings.map((warning) => warning.split(':')[0]),
    [
      'upstreams[0].auth.headers.Authorization',
      'upstreams[1].auth.headers.X-Region',
      'upstreams[2].url',
      'upstreams[3].env.API_KEY',
    ],
  );
  assert.doesNotMatch(warnings.join(), /canary/);
});

test('plain header values and loopback connections are not warned about', () => {
  const { warnings } = read(`
- { name: a, url: 'http://127.0.0.1:3000/mcp', auth: { headers: { X-Region: eu-west, X-Key: '\${vault:a}' } } }
- { name: b, url: 'http://b.example' }
- { name: c, command: [x], env: { MODE: production, PORT: '8080' } }
`);
  assert.deepEqual(warnings, []);
});
