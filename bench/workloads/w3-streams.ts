import { setTimeout } from 'node:timers/promises';
import { DISTINCT, httpPost, mcpRequest, type RequestTemplate, toolCall } from '../harness/request-bytes.ts';
import { compare } from '../harness/rounds.ts';
import { atMost, CALL_COLUMNS, comparisonRows, kilobytes, type Section } from '../harness/section.ts';
import { type Server, type Stand, WITH_GC } from '../harness/stand.ts';

const CONNECTIONS = 32;
const IDLE_STREAMS = 2_000;
/** Opened and closed beforehand, so that code that is loaded or compiled once is not counted as the streams'. */
const WARM_UP_STREAMS = 100;
const MAX_BYTES_PER_STREAM = 40_000;
const EVENTS = 10;

interface StreamRequests {
  readonly initialize?: RequestTemplate;
  readonly stream: RequestTemplate;
}

export async function w3Streams(stand: Stand): Promise<Section> {
  const servers = [await stand.hop(), await stand.gateway('async'), await stand.gateway('strict')];
  const variants = servers.map((server) => ({
    server,
    template: toolCall({ ...server, path: `${server.pathPrefix}sse` }, 'echo', `${DISTINCT} to be streamed`),
  }));
  for (const { server, template } of variants) await requireAllEvents(server, template);
  const compared = await compare(stand, variants, { connections: CONNECTIONS });

  const idle: (readonly [name: string, bytes: number])[] = [];
  const hop = await stand.startHop({ nodeFlags: WITH_GC });
  const hold = mcpRequest({ ...hop, path: '/hold', method: 'subscriptions/listen' });
  idle.push(['bare hop, one stream through', await bytesPerStream(stand, hop, { stream: hold }).finally(hop.stop)]);
  for (const [name, requests] of [
    ['gateway, GET stream of a session (2025-11-25)', legacyStream],
    ['gateway, subscriptions/listen (2026-07-28)', modernStream],
  ] as const) {
    const gateway = await stand.startGateway({ nodeFlags: WITH_GC });
    idle.push([name, await bytesPerStream(stand, gateway, requests(gateway)).finally(gateway.stop)]);
  }
  return {
    id: 'W3',
    title: 'event streams',
    about:
      `A call whose answer is a stream of ${EVENTS} events (c = ${CONNECTIONS}, the baseline is the bare hop); and ` +
      `what ${IDLE_STREAMS.toLocaleString('en-US')} streams cost on which nothing is said: resident memory with them ` +
      'less resident memory before, both after a garbage collection.',
    tables: [
      { columns: ['server', ...CALL_COLUMNS], rows: comparisonRows(compared) },
      { columns: ['idle streams', 'memory each'], rows: idle.map(([name, bytes]) => [name, kilobytes(bytes)]) },
    ],
    verdicts: idle
      .slice(1)
      .map(([name, bytes]) => atMost(`memory per idle stream, ${name}`, bytes, MAX_BYTES_PER_STREAM, kilobytes)),
  };
}

async function requireAllEvents(server: Server, template: RequestTemplate): Promise<void> {
  const [head, body] = template.bytes.toString().replaceAll(DISTINCT, '1000000000').split('\r\n\r\n') as [
    string,
    string,
  ];
  const fields = head
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(': ') as [string, string]);
  const headers = Object.fromEntries(fields.filter(([name]) => name !== 'host' && name !== 'content-length'));
  const response = await fetch(`http://127.0.0.1:${server.port}${server.pathPrefix}sse`, {
    method: 'POST',
    headers,
    body,
  });
  const events = (await response.text()).split('\n\n').length - 1;
  if (events !== EVENTS) throw new Error(`${server.name}: ${events} events arrived instead of ${EVENTS}`);
}

const legacyStream = (server: Server): StreamRequests => {
  const head = `host: 127.0.0.1:${server.port}\r\nauthorization: Bearer ${server.key}\r\n`;
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } };
  const body = JSON.stringify({ jsonrpc: '2.0', id: DISTINCT, method: 'initialize', params }).replace(
    `"${DISTINCT}"`,
    DISTINCT,
  );
  const headers = [
    ['authorization', `Bearer ${server.key}`],
    ['accept', 'application/json, text/event-stream'],
    ['content-type', 'application/json'],
  ] as const;
  const bytes = Buffer.from(`GET ${server.pathPrefix}echo HTTP/1.1\r\n${head}accept: text/event-stream\r\n`);
  return {
    initialize: httpPost({ ...server, path: `${server.pathPrefix}echo`, headers, body }),
    stream: { port: server.port, bytes, numberSlots: [], keySlot: 0 },
  };
};

const modernStream = (server: Server): StreamRequests => ({
  stream: mcpRequest({
    ...server,
    path: `${server.pathPrefix}echo`,
    method: 'subscriptions/listen',
    params: { notifications: { toolsListChanged: true } },
  }),
});

async function bytesPerStream(stand: Stand, server: Server, requests: StreamRequests): Promise<number> {
  const hold = (count: number) => stand.load.ask('hold', { port: server.port, count, ...requests });
  await hold(WARM_UP_STREAMS);
  await stand.load.ask('release');
  await setTimeout(500);
  const before = await server.rested();
  await hold(IDLE_STREAMS);
  await setTimeout(1_000);
  const after = await server.rested();
  await stand.load.ask('release');
  return (after.rssBytes - before.rssBytes) / IDLE_STREAMS;
}
