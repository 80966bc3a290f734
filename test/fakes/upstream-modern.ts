import type { ServerResponse } from 'node:http';
import {
  createAnswer,
  type FakeHttpUpstream,
  type HttpFakeGuard,
  type Received,
  signalOf,
  startHttpFake,
} from './upstream-http.ts';

export interface ModernFakeOptions {
  readonly guard?: HttpFakeGuard;
  /** What `server/discover` lists. */
  readonly versions?: readonly string[];
}

/** A Streamable HTTP server of 2026-07-28: stateless, strict about its headers. */
export function startModernUpstream(options: ModernFakeOptions = {}): Promise<FakeHttpUpstream> {
  const versions = options.versions ?? ['2026-07-28'];
  return startHttpFake(
    '/mcp',
    (behaviour) => {
      const listeners = new Map<ServerResponse, unknown>();
      return {
        announce(method, params) {
          for (const [res, id] of listeners) {
            const message = {
              jsonrpc: '2.0',
              method,
              params: { ...params, _meta: { 'io.modelcontextprotocol/subscriptionId': id } },
            };
            res.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
          }
        },
        async handle(received, _req, res) {
          const refuse = (status: number, code: number, message: string, data?: object): void => {
            res.writeHead(status, { 'content-type': 'application/json' });
            res.end(JSON.stringify({ jsonrpc: '2.0', id: received.message?.id, error: { code, message, data } }));
          };
          if (received.method !== 'POST') {
            res.writeHead(405).end();
            return;
          }
          const mismatch = headerMismatch(received);
          if (mismatch !== undefined) return refuse(400, -32020, mismatch);
          const { message } = received;
          const version = message.params?._meta?.['io.modelcontextprotocol/protocolVersion'];
          if (!versions.includes(version))
            return refuse(400, -32022, 'Unsupported protocol version', { supported: versions });
          if (message.id === undefined) {
            res.writeHead(202).end();
            return;
          }
          const answer = createAnswer(res);
          if (message.method === 'server/discover') {
            const { capabilities, instructions } = behaviour;
            const _meta = { 'io.modelcontextprotocol/serverInfo': { name: 'modern-fake', version: '1' } };
            const result = { resultType: 'complete', supportedVersions: versions, capabilities, instructions, _meta };
            return answer.end({ jsonrpc: '2.0', id: message.id, result });
          }
          if (message.method === 'subscriptions/listen') {
            listeners.set(res, message.id);
            res.on('close', () => listeners.delete(res));
            const _meta = { 'io.modelcontextprotocol/subscriptionId': message.id };
            const params = { _meta, notifications: message.params.notifications };
            return answer.event({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params });
          }
          const outcome = await behaviour.handle(message, {
            notify: (method, params) => answer.event({ jsonrpc: '2.0', method, params }),
            ask: async () => ({ error: 'a modern server cannot ask back' }),
            signal: signalOf(res),
          });
          if ('error' in outcome)
            return refuse(outcome.error.code === -32601 ? 404 : 200, outcome.error.code, outcome.error.message);
          answer.end({ jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', ...outcome.result } });
        },
      };
    },
    options.guard,
  );
}

function headerMismatch({ headers, message }: Received): string | undefined {
  const params = message?.params;
  if (headers['mcp-protocol-version'] !== params?._meta?.['io.modelcontextprotocol/protocolVersion'])
    return 'MCP-Protocol-Version';
  if (headers['mcp-method'] !== message.method) return 'Mcp-Method';
  const named = ['tools/call', 'prompts/get', 'resources/read'].includes(message.method);
  const value = String(headers['mcp-name'] ?? '');
  const encoded = /^=\?base64\?(.*)\?=$/.exec(value)?.[1];
  const name = encoded === undefined ? value : Buffer.from(encoded, 'base64').toString();
  return named && name !== (params.name ?? params.uri) ? 'Mcp-Name' : undefined;
}
