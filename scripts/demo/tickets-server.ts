import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { LATEST_MODERN, META_SERVER_INFO } from '../../src/mcp/revision.ts';

/** One request as it arrived. */
export interface Arrival {
  readonly method: string;
  /** Of the tool, for a call. */
  readonly tool: string | undefined;
  readonly authorization: string | undefined;
  /** All headers as they came, to look for what must not be in them. */
  readonly headers: string;
}

export interface TicketsServer {
  readonly url: string;
  /** Every request so far, refused ones too. */
  readonly arrivals: readonly Arrival[];
  close(): Promise<void>;
}

interface Message {
  readonly id?: string | number;
  readonly method: string;
  readonly params?: { readonly name?: string };
}

const ID = { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] };
const TOOLS = [
  {
    name: 'search_tickets',
    description: 'Open tickets.',
    inputSchema: { type: 'object' },
    annotations: { readOnlyHint: true },
  },
  {
    name: 'reply_to_ticket',
    description: 'Answers a ticket.',
    inputSchema: ID,
    annotations: { readOnlyHint: false, destructiveHint: false },
  },
  {
    name: 'export_customers',
    description: 'Everything about every customer.',
    inputSchema: { type: 'object' },
    annotations: { readOnlyHint: true },
  },
  { name: 'delete_ticket', description: 'For good.', inputSchema: ID, annotations: { destructiveHint: true } },
];

/** An MCP server on a free port of this machine that wants `authorization` from everybody, and notes who came with what. */
export async function startTicketsServer(authorization: string): Promise<TicketsServer> {
  const arrivals: Arrival[] = [];
  const server = createServer(async (request, response) => {
    const message = await receive(request);
    if (message === null) return void response.writeHead(405).end();
    arrivals.push({
      method: message.method,
      tool: message.method === 'tools/call' ? message.params?.name : undefined,
      authorization: request.headers.authorization,
      headers: request.rawHeaders.join('\n'),
    });
    if (request.headers.authorization !== authorization) return void response.writeHead(401).end();
    answer(response, message);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    arrivals,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function receive(request: IncomingMessage): Promise<Message | null> {
  return request.method === 'POST' ? (JSON.parse(await text(request)) as Message) : null;
}

function answer(response: ServerResponse, { id, method, params }: Message): void {
  if (id === undefined) return void response.writeHead(202).end();
  const result = resultOf(method, params ?? {});
  const body = result === null ? { error: { code: -32601, message: `Unknown method: ${method}` } } : { result };
  response.writeHead(result === null ? 404 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id, ...body }));
}

function resultOf(method: string, params: NonNullable<Message['params']>): object | null {
  const _meta = { [META_SERVER_INFO]: { name: 'tickets', version: '1.0.0' } };
  const complete = { resultType: 'complete', _meta };
  switch (method) {
    case 'server/discover':
      return { ...complete, supportedVersions: [LATEST_MODERN], capabilities: { tools: {} } };
    case 'tools/list':
      return { ...complete, tools: TOOLS, ttlMs: 0, cacheScope: 'private' };
    case 'tools/call':
      return { ...complete, content: [{ type: 'text', text: `${params.name} was done` }] };
    default:
      return null;
  }
}
