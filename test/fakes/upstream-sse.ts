import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type FakeHttpUpstream, type HttpFakeGuard, startHttpFake } from './upstream-http.ts';

export interface SseFakeOptions {
  /** What the `endpoint` event says instead of the real place. */
  readonly endpoint?: string;
  readonly guard?: HttpFakeGuard;
}

export interface FakeSseUpstream extends FakeHttpUpstream {
  readonly openStreams: number;
  /** Ends all event streams, as a restart would. */
  dropStreams(): void;
  sendRaw(text: string): void;
}

/** A server of the HTTP+SSE transport of 2024-11-05. */
export async function startSseUpstream(options: SseFakeOptions = {}): Promise<FakeSseUpstream> {
  const streams = new Map<string, ServerResponse>();
  const cancellations = new Map<string, AbortController>();
  const asked = new Map<number, (answer: unknown) => void>();
  let lastAsked = 1000;
  const fake = await startHttpFake(
    '/sse',
    (behaviour) => ({
      announce(method, params) {
        for (const res of streams.values()) send(res, { jsonrpc: '2.0', method, ...(params && { params }) });
      },
      async handle(received, req, res) {
        if (received.method === 'GET' && received.path === '/sse') {
          const id = randomUUID();
          streams.set(id, res);
          res.on('close', () => streams.delete(id));
          res.writeHead(200, { 'content-type': 'text/event-stream' });
          res.write(`event: endpoint\ndata: ${options.endpoint ?? `/messages?sessionId=${id}`}\n\n`);
          return;
        }
        const session = new URL(req.url!, 'http://localhost').searchParams.get('sessionId') ?? '';
        const stream = streams.get(session);
        if (stream === undefined || received.method !== 'POST') {
          res.writeHead(404).end();
          return;
        }
        res.writeHead(202).end('Accepted');
        const { message } = received;
        if (message.method === 'notifications/cancelled')
          cancellations.get(`${session} ${message.params.requestId}`)?.abort();
        if (message.method === undefined) asked.get(message.id)?.(message.result ?? message.error);
        if (message.id === undefined || message.method === undefined) return;
        if (message.method === 'initialize') {
          const { capabilities, instructions } = behaviour;
          const result = {
            protocolVersion: '2024-11-05',
            capabilities,
            serverInfo: { name: 'sse-fake', version: '1' },
            instructions,
          };
          return send(stream, { jsonrpc: '2.0', id: message.id, result });
        }
        const controller = new AbortController();
        cancellations.set(`${session} ${message.id}`, controller);
        const outcome = await behaviour.handle(message, {
          notify: (method, params) => send(stream, { jsonrpc: '2.0', method, params }),
          ask(method, params) {
            const id = ++lastAsked;
            send(stream, { jsonrpc: '2.0', id, method, params });
            return new Promise((resolve) => asked.set(id, resolve));
          },
          signal: controller.signal,
        });
        send(stream, { jsonrpc: '2.0', id: message.id, ...outcome });
      },
    }),
    options.guard,
  );
  return Object.defineProperties(
    Object.assign(fake, {
      openStreams: 0,
      dropStreams() {
        for (const res of streams.values()) res.destroy();
      },
      sendRaw(text: string) {
        for (const res of streams.values()) res.write(text);
      },
    }),
    { openStreams: { get: () => streams.size } },
  );
}

function send(res: ServerResponse, message: object): void {
  res.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
}
