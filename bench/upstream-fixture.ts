/**
 * The MCP server behind everything: plain node:http, 2026-07-28, as little work per call as can be. The path says how it
 * behaves: `/echo`, `/sse` (ten events), `/slow` (one second), `/list` (a thousand tools), `/hold` (a stream that stays quiet).
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveCommands } from './harness/commands.ts';
import { fixtureTools } from './harness/fixture-tools.ts';

const SLOW_MS = 1_000;
const PROGRESS_EVENTS = 9;
const KEEP_ALIVE_MS = 120_000;

const ID = Buffer.from('"id":');
const TEXT = Buffer.from('"text":"');
const BEFORE_TEXT = Buffer.from(',"result":{"resultType":"complete","content":[{"type":"text","text":"');
const AFTER_TEXT = Buffer.from('"}]}}');
const tools = { '/list': JSON.stringify(fixtureTools(1_000)) } as Readonly<Record<string, string>>;
const oneTool = JSON.stringify(fixtureTools(1).map((tool) => ({ ...tool, name: 'echo' })));

let calls = 0;

/** The id as it stands in the request, and the answer that repeats the text: found by searching, without parsing. */
function echo(body: Buffer): Buffer[] {
  const idAt = body.indexOf(ID) + ID.length;
  const textAt = body.indexOf(TEXT) + TEXT.length;
  return [
    Buffer.from('{"jsonrpc":"2.0","id":'),
    body.subarray(idAt, body.indexOf(',', idAt)),
    BEFORE_TEXT,
    body.subarray(textAt, body.indexOf('"', textAt)),
    AFTER_TEXT,
  ];
}

function sendJson(res: ServerResponse, body: Buffer): void {
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  res.end(body);
}

/** One event for each turn of the event loop, so that most of them travel by themselves. */
function sendEvents(res: ServerResponse, answer: Buffer): void {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  let sent = 0;
  const next = (): void => {
    if (sent++ === PROGRESS_EVENTS) {
      res.end(`event: message\ndata: ${answer}\n\n`);
      return;
    }
    const params = {
      progressToken: 'p',
      progress: sent,
      total: 10,
      message: `${sent} of ${PROGRESS_EVENTS + 1} parts are done`,
    };
    res.write(
      `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params })}\n\n`,
    );
    setImmediate(next);
  };
  next();
}

function callTool(path: string, body: Buffer, res: ServerResponse): void {
  calls++;
  const answer = Buffer.concat(echo(body));
  if (path === '/sse') sendEvents(res, answer);
  else if (path === '/slow') setTimeout(() => sendJson(res, answer), SLOW_MS);
  else sendJson(res, answer);
}

function answerOther(path: string, body: Buffer, res: ServerResponse): void {
  const { id, method } = JSON.parse(body.toString());
  const reply = (status: number, member: string) => {
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},${member}}`);
  };
  if (method === 'server/discover') {
    reply(200, '"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}');
  } else if (method === 'tools/list') {
    const cached = '"resultType":"complete","ttlMs":0,"cacheScope":"private"';
    reply(200, `"result":{${cached},"tools":${tools[path] ?? oneTool}}`);
  } else reply(404, '"error":{"code":-32601,"message":"Method not found"}');
}

function handle(req: IncomingMessage, res: ServerResponse): void {
  const path = req.url!;
  if (path === '/hold') {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    req.resume();
    return;
  }
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    if (req.headers['mcp-method'] === 'tools/call') callTool(path, body, res);
    else answerOther(path, body, res);
  });
}

const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, handle);
await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));

const commands = {
  port: () => (server.address() as AddressInfo).port,
  /** How many tool calls have reached it. */
  calls: () => calls,
};

export type UpstreamCommands = typeof commands;

serveCommands(commands);
