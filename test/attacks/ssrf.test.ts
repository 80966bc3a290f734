/**
 * CVE-2026-45609 and its like: a client's metadata URL, a key set, a logo, named by a stranger, that leads into the
 * gateway's own network. The listeners stand where such URLs point; nothing may ever reach them.
 */
import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import type { Lookup } from '../../src/lib/guarded-lookup.ts';
import { asFetch, type Reach, safeFetch } from '../../src/lib/safe-fetch.ts';
import { SafeFetchError, type SafeFetchFailure } from '../../src/lib/safe-fetch-error.ts';

const servers: Server[] = [];
let hits = 0;
let port = 0;

const listen = (server: Server, host: string, at = 0): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, host, () => resolve((server.address() as AddressInfo).port));
  });

before(async () => {
  const count = () =>
    createServer((socket) => {
      hits++;
      socket.destroy();
    });
  servers.push(count(), count());
  port = await listen(servers[0]!, '127.0.0.1');
  // Where there is no IPv6 the second has nothing to miss.
  await listen(servers[1]!, '::1', port).catch(() => servers.pop());
});

after(() => Promise.all(servers.map((server) => new Promise((done) => server.close(done)))));

const failureOf = async (work: Promise<unknown>): Promise<SafeFetchFailure | 'fetched'> => {
  try {
    await work;
    return 'fetched';
  } catch (error) {
    if (!(error instanceof SafeFetchError)) throw error;
    return error.code;
  }
};

const HOSTS = [
  ...['localhost', 'LOCALHOST', 'localhost.', 'a.localhost', 'localhost.localdomain.', '127.0.0.1', '127.1', '127.0.1'],
  ...[
    '0x7f.1',
    '0x7f000001',
    '0x7F.0x0.0x0.0x1',
    '2130706433',
    '017700000001',
    '0177.0.0.1',
    '127.0.0.1.',
    '0',
    '0.0.0.0',
  ],
  ...[
    '127.255.255.254',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[::]',
    '[::ffff:7f00:1]',
    '[::ffff:127.0.0.1]',
    '[::127.0.0.1]',
  ],
  ...['[64:ff9b::7f00:1]', '[2002:7f00:1::]', '①②⑦.0.0.1', '127。0。0。1', '%31%32%37.0.0.1', 'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ'],
  ...['169.254.169.254', '0xa9fea9fe', '[::ffff:a9fe:a9fe]', '[fd00:ec2::254]', '[fe80::1]', '100.100.100.200'],
  ...['10.0.0.1', '172.16.0.1', '192.168.0.1', '100.64.0.1', '198.18.0.1', '[fc00::1]', '224.0.0.1', '255.255.255.255'],
];

for (const host of HOSTS) {
  test(`https://${host} is not fetched for a stranger`, async () => {
    const failure = await failureOf(safeFetch(`https://${host}:${port}/client.json`, { reach: 'public' }));
    assert.match(failure, /^(url|address)_not_allowed$/);
    assert.equal(hits, 0);
  });
}

for (const host of ['127.1', '[::ffff:7f00:1]', 'localhost', '169.254.169.254', '[fd00:ec2::254]', '0.0.0.0']) {
  test(`https://${host} is not fetched for an operator either, who may use private networks`, async () => {
    assert.equal(await failureOf(safeFetch(`https://${host}:${port}/`, { reach: 'internal' })), 'address_not_allowed');
    assert.equal(hits, 0);
  });
}

for (const url of [
  'http://example.com/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:70/',
  'data:application/json,{}',
  'https://user:password@example.com/',
  'https://127.0.0.1@example.com/',
  'not a url',
]) {
  test(`${url} is no URL to fetch`, async () => {
    assert.equal(await failureOf(safeFetch(url, { reach: 'loopback-too' })), 'url_not_allowed');
  });
}

const answering = (...answers: LookupAddress[][]): Lookup & { calls: () => number } => {
  let calls = 0;
  const lookup: Lookup = (_, __, callback) => callback(null, answers[Math.min(calls++, answers.length - 1)]!);
  return Object.assign(lookup, { calls: () => calls });
};
const V4 = (address: string): LookupAddress => ({ address, family: 4 });
const V6 = (address: string): LookupAddress => ({ address, family: 6 });

for (const [what, addresses] of [
  ['loopback', [V4('127.0.0.1')]],
  ['loopback as IPv4-mapped IPv6', [V6('::ffff:127.0.0.1')]],
  ['a zone', [V6('fe80::1%eth0')]],
  ['a metadata service', [V4('169.254.169.254')]],
  ['one good and one bad address', [V4('93.184.216.34'), V4('127.0.0.1')]],
  ['one good and one bad address, in both families', [V6('2606:2800:220:1::1'), V6('::1')]],
  ['nothing', []],
  ['no address', [V4('evil.example')]],
] as const) {
  test(`a name that resolves to ${what} is not connected to`, async () => {
    const options = { reach: 'public' as Reach, lookup: answering([...addresses]) };
    assert.equal(await failureOf(safeFetch(`https://evil.example:${port}/`, options)), 'address_not_allowed');
    assert.equal(hits, 0);
  });
}

test('a name is looked up once, so that its second answer (rebinding) is never used', async () => {
  // The first answer is a public address where nothing answers; a reserved one would be refused at once.
  const lookup = answering([V4('93.184.216.34')], [V4('127.0.0.1')]);
  const failure = await failureOf(
    safeFetch(`https://evil.example:${port}/`, { reach: 'public', lookup, timeoutMs: 300 }),
  );
  assert.match(failure, /^(timeout|unreachable)$/);
  assert.equal(lookup.calls(), 1);
  const again = await failureOf(safeFetch(`https://evil.example:${port}/`, { reach: 'public', lookup }));
  assert.equal(again, 'address_not_allowed');
  assert.equal(hits, 0);
});

test('http is for loopback alone, also when localhost is somewhere else', async () => {
  const lookup = answering([V4('10.0.0.1')]);
  const failure = await failureOf(safeFetch(`http://localhost:${port}/`, { reach: 'loopback-too', lookup }));
  assert.equal(failure, 'address_not_allowed');
});

test('a redirect is not followed, to a metadata service or elsewhere', async (t) => {
  const targets = [
    'http://169.254.169.254/latest/meta-data/',
    `http://127.0.0.1:${port}/`,
    `https://localhost:${port}/`,
  ];
  const server = createHttpServer((req, res) => {
    const [, status, target] = req.url!.split('/');
    res.writeHead(Number(status), { location: targets[Number(target)] }).end('{}');
  });
  const at = await listen(server, '127.0.0.1');
  t.after(() => server.close());
  for (const status of [301, 302, 303, 307, 308]) {
    for (const target of targets.keys()) {
      const url = `http://127.0.0.1:${at}/${status}/${target}`;
      assert.equal(await failureOf(safeFetch(url, { reach: 'loopback-too' })), 'redirected');
      const follow = asFetch({ reach: 'loopback-too' })(url, { redirect: 'follow' });
      assert.equal(await failureOf(follow), 'redirected');
    }
  }
  assert.equal(hits, 0);
});
