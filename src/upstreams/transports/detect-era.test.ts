import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contextFor, httpUpstream, sharedOptions, stdioUpstream } from '../../../test/fakes/upstream-call.ts';
import type { FakeHttpUpstream, Fault } from '../../../test/fakes/upstream-http.ts';
import { startLegacyUpstream } from '../../../test/fakes/upstream-legacy.ts';
import { startModernUpstream } from '../../../test/fakes/upstream-modern.ts';
import { openConnection } from '../open-connection.ts';
import type { ConnectionOptions } from './connection-options.ts';

async function revisionOf(fake: FakeHttpUpstream, options: Partial<ConnectionOptions> = {}, faults: Fault[] = []) {
  const context = contextFor(httpUpstream(fake.url));
  fake.faults.push(...faults);
  try {
    const connection = await openConnection(context, sharedOptions(options));
    return { revision: connection.revision, era: context.era, connection };
  } finally {
    await context.close();
    await fake.close();
  }
}

const onDiscover: Fault['on'] = ({ message }) => message?.method === 'server/discover';

test('a modern server is recognised by its answer to server/discover, without initialize', async () => {
  const fake = await startModernUpstream();
  const { revision, connection } = await revisionOf(fake);
  assert.equal(revision, '2026-07-28');
  assert.equal(fake.calls('initialize').length, 0);
  assert.equal(connection.serverInfo.name, 'modern-fake');
  assert.equal(connection.instructions, 'Be kind to the fake.');
});

test('whatever a legacy server answers to server/discover, the handshake follows', async () => {
  const answers: Fault[] = [
    { kind: 'status', status: 400, body: 'Bad Request' },
    { kind: 'status', status: 404 },
    { kind: 'status', status: 405 },
    { kind: 'status', status: 500, body: 'Cannot read properties of undefined' },
    {
      kind: 'status',
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"?"}}',
    },
    { kind: 'status', status: 200, headers: { 'content-type': 'text/html' }, body: 'hello' },
    { kind: 'status', status: 202 },
  ];
  for (const answer of answers) {
    const { revision, era } = await revisionOf(await startLegacyUpstream(), {}, [
      { ...answer, on: onDiscover } as Fault,
    ]);
    assert.deepEqual([revision, era], ['2025-11-25', 'legacy']);
  }
});

test('a server that supports only versions with a handshake is asked for the newest of them', async () => {
  const error = {
    jsonrpc: '2.0',
    id: 1,
    error: { code: -32022, message: '?', data: { supported: ['2025-03-26', '2025-06-18'] } },
  };
  const fake = await startLegacyUpstream({ revision: '2025-06-18' });
  const answer: Fault = {
    kind: 'status',
    status: 400,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...error, id: null }),
  };
  const { revision } = await revisionOf(fake, {}, [{ ...answer, on: onDiscover }]);
  assert.equal(revision, '2025-06-18');
  assert.equal(fake.calls('initialize')[0]!.message.params.protocolVersion, '2025-06-18');
});

test('a modern server with no revision in common is named as such, and not taken for a legacy one', async () => {
  const fake = await startModernUpstream({ versions: ['2030-01-01'] });
  await assert.rejects(revisionOf(fake), { code: 'upstream_invalid', message: /2030-01-01/ });
  assert.equal(fake.calls('initialize').length, 0);
});

test('an outage or a refused credential says nothing about the era', async () => {
  for (const [status, code] of [
    [401, 'upstream_credential_rejected'],
    [503, 'upstream_unavailable'],
    [429, 'upstream_busy'],
  ] as const) {
    const fake = await startLegacyUpstream();
    await assert.rejects(revisionOf(fake, {}, [{ kind: 'status', status, on: onDiscover }]), { code });
    assert.equal(fake.calls('initialize').length, 0);
  }
});

test("a legacy client's own connection asks for the client's revision and probes nothing", async () => {
  const fake = await startLegacyUpstream({ revision: '2025-03-26' });
  const { revision } = await revisionOf(fake, { shared: false, revision: '2025-03-26' });
  assert.equal(revision, '2025-03-26');
  assert.equal(fake.calls('server/discover').length, 0);
});

test('the era is remembered, and forgotten when it was wrong', async () => {
  const fake = await startLegacyUpstream();
  const context = contextFor(httpUpstream(fake.url));
  await openConnection(context, sharedOptions());
  await openConnection(context, sharedOptions());
  assert.equal(fake.calls('server/discover').length, 1);
  fake.faults.push({ kind: 'status', status: 404, on: ({ message }) => message?.method === 'initialize' });
  await assert.rejects(openConnection(context, sharedOptions()));
  assert.equal(context.era, undefined);
  await context.close();
  await fake.close();
});

test('a URL where no MCP server answers is explained', async () => {
  const fake = await startLegacyUpstream();
  const wrong = contextFor(httpUpstream(fake.url));
  fake.faults.push({ kind: 'status', status: 404, on: () => true, times: 2 });
  await assert.rejects(openConnection(wrong, sharedOptions()), {
    code: 'upstream_invalid',
    message: /both MCP handshakes.*transport: sse/,
  });
  await wrong.close();
  await fake.close();
});

test('stdio: modern, legacy, and a legacy server that ends at a probe', async () => {
  const rows: [string[], string, string][] = [
    [['--modern'], '2026-07-28', 'modern'],
    [[], '2025-11-25', 'legacy'],
    [['--strict-initialize'], '2025-11-25', 'legacy'],
  ];
  for (const [args, revision, era] of rows) {
    const context = contextFor(stdioUpstream(args));
    const connection = await openConnection(context, sharedOptions());
    assert.deepEqual([connection.revision, context.era], [revision, era], args.join(' '));
    await connection.close();
  }
});

test('stdio: a server that is silent at the probe is legacy', async () => {
  const context = contextFor(stdioUpstream(['--silent-probe']), { timeoutMs: 1000 });
  const connection = await openConnection(context, sharedOptions());
  assert.equal(connection.revision, '2025-11-25');
  await connection.close();
});
