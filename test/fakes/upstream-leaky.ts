import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LEAKY_TOOLS, leakyAnswer, leakyHandshake, leakyToolList } from './leaky-tools.ts';

/** Tools that answer with something that is no MCP. */
export const LEAKY_HTTP_TOOLS = [
  ...LEAKY_TOOLS,
  'rpc_error_400',
  'http_400',
  'http_401',
  'http_403',
  'http_500',
  'redirect',
  'html',
  'bad_json',
  'cut_json',
  'bad_event',
  'huge_header',
  'reset',
] as const;

/** `answers`: like a server that takes the credential. `refuses`, `garbage`: every request gets 401, or a web page. */
export type LeakyKind = 'answers' | 'refuses' | 'garbage';

export interface LeakyUpstream {
  readonly url: string;
  /** Credentials that came: all headers whose value has `marker` in it. */
  readonly received: Set<string>;
  close(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: a fake takes whatever it is sent
type Any = any;

/**
 * A Streamable HTTP server that repeats every header value with `marker` in it: in results, errors, headers, bodies, and in
 * what is no HTTP any more. Speaks 2026-07-28, or 2025-11-25 without sessions.
 */
export async function startLeakyUpstream(
  kind: LeakyKind,
  { marker, era = 'modern' }: { marker: string; era?: 'modern' | 'legacy' },
): Promise<LeakyUpstream> {
  const received = new Set<string>();
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const secret = Object.values(req.headers)
      .map(String)
      .filter((value) => value.includes(marker))
      .join(' and ');
    if (secret !== '') received.add(secret);
    if (kind === 'refuses') return refuse(res, 401, secret);
    if (kind === 'garbage') return webPage(res, 200, secret);
    if (req.method !== 'POST') return res.writeHead(405).end();
    const message = JSON.parse(Buffer.concat(chunks).toString());
    if (message.id === undefined) return res.writeHead(202).end();
    if (message.method === 'tools/call') return call(res, message, secret);
    json(res, 200, plainAnswer(message, era, secret));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    received,
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function plainAnswer({ id, method, params }: Any, era: string, secret: string): object {
  const about = leakyHandshake(secret);
  const result = (value: object) => ({ jsonrpc: '2.0', id, result: { resultType: 'complete', ...value } });
  if (method === 'tools/list') return result(leakyToolList(LEAKY_HTTP_TOOLS));
  if (method === 'server/discover' && era === 'modern') {
    return result({ supportedVersions: ['2026-07-28'], ...about });
  }
  if (method === 'initialize') return result({ protocolVersion: params.protocolVersion, ...about });
  return { jsonrpc: '2.0', id, error: { code: -32601, message: `Method not found: ${method}` } };
}

function call(res: ServerResponse, message: Any, secret: string): unknown {
  switch (message.params.name) {
    case 'rpc_error_400':
      return json(res, 400, leakyAnswer({ ...message, params: { name: 'rpc_error' } }, secret).answer);
    case 'http_400':
    case 'http_401':
    case 'http_403':
    case 'http_500':
      return refuse(res, Number(message.params.name.slice(5)), secret);
    case 'redirect':
      return res.writeHead(302, { location: `/mcp?token=${encodeURIComponent(secret)}` }).end(secret);
    case 'html':
      return webPage(res, 200, secret);
    case 'bad_json':
      return text(res, 'application/json', `{"jsonrpc":"2.0","id":1,"result":${secret}}`);
    case 'cut_json':
      return text(res, 'application/json', `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"${secret}`);
    case 'bad_event':
      return text(res, 'text/event-stream', `event: message\ndata: not JSON, but ${secret}\n\n`);
    case 'huge_header':
      return res.socket!.end(`HTTP/1.1 200 OK\r\nx-secret: ${secret} ${'x'.repeat(100_000)}\r\n\r\n`);
    case 'reset':
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': '10000' });
      return res.write(`{"error":"${secret}`, () => res.socket!.resetAndDestroy());
  }
  const { before, answer } = leakyAnswer(message, secret);
  if (before.length === 0) return json(res, 200, answer);
  const events = [...before, answer].map((event) => `event: message\ndata: ${JSON.stringify(event)}\n\n`);
  text(res, 'text/event-stream', events.join(''));
}

const json = (res: ServerResponse, status: number, message: object): void => {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(message));
};

const text = (res: ServerResponse, type: string, body: string): void => {
  res.writeHead(200, { 'content-type': type }).end(body);
};

function refuse(res: ServerResponse, status: number, secret: string): void {
  res.statusMessage = `Not with ${secret}`;
  const headers = { 'www-authenticate': `Bearer error="invalid_token", error_description="${secret}"` };
  res.writeHead(status, { ...headers, 'content-type': 'application/json', 'x-echo': secret });
  res.end(JSON.stringify({ error: 'invalid_token', error_description: secret }));
}

function webPage(res: ServerResponse, status: number, secret: string): void {
  res.writeHead(status, { 'content-type': 'text/html' }).end(`<h1>You sent ${secret}</h1>`);
}
