import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { createBehaviour, type FakeBehaviour } from './upstream-behaviour.ts';

// biome-ignore lint/suspicious/noExplicitAny: a fake takes whatever it is sent
type Any = any;

/** One HTTP request that a fake got. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
  /** The body, when it is JSON. */
  readonly message: Any;
}

/** What a fake does instead of answering; consumed by the first request that it is for. */
export type Fault = {
  /** Which messages it hits; tools/call unless given. */
  readonly on?: (received: Received) => boolean;
  /** How often; once unless given. */
  times?: number;
} & (
  | { readonly kind: 'hang' }
  /** Cuts the connection before an answer, or within it. */
  | { readonly kind: 'reset'; readonly midway?: boolean }
  | { readonly kind: 'slow'; readonly ms: number }
  /** Streams a JSON answer of so many bytes. */
  | { readonly kind: 'huge'; readonly bytes: number }
  | { readonly kind: 'gzip' }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /** Starts an event stream and says nothing more. */
  | { readonly kind: 'stall' }
);

export interface FakeHttpUpstream {
  /** Of the MCP endpoint. */
  readonly url: string;
  readonly received: Received[];
  /** JSON-RPC requests of one method. */
  calls(method: string): Received[];
  readonly faults: Fault[];
  readonly behaviour: FakeBehaviour;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Says on all open standing streams that a list changed, or whatever else. */
  announce(method: string, params?: object): void;
  /** Stops answering new connections and cuts the open ones; `url` stays reserved for `restart`. */
  stop(): Promise<void>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Looks at a request before everything else. True: it was answered here. */
export type HttpFakeGuard = (received: Received, res: ServerResponse) => boolean;

export interface HttpFakeHandler {
  handle(received: Received, req: IncomingMessage, res: ServerResponse): Promise<void>;
  announce(method: string, params?: object): void;
  /** The process was restarted: sessions are forgotten. */
  forget?(): void;
}

/** The part that all HTTP fakes have in common: recording, faults, life cycle. */
export async function startHttpFake(
  path: string,
  create: (behaviour: FakeBehaviour) => HttpFakeHandler,
  guard: HttpFakeGuard = () => false,
): Promise<FakeHttpUpstream> {
  const behaviour = createBehaviour();
  const handler = create(behaviour);
  const received: Received[] = [];
  const faults: Fault[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer(async (req, res) => {
    const record = await record_(req);
    received.push(record);
    if (guard(record, res)) return;
    const fault = takeFault(faults, record);
    if (fault !== undefined && !(await suffer(fault, res))) return;
    await handler.handle(record, req, res);
  });
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const stop = (): Promise<void> => {
    const done = new Promise<void>((resolve) => {
      if (server.listening) server.close(() => resolve());
      else resolve();
    });
    for (const socket of sockets) socket.destroy();
    return done;
  };
  return {
    url: `http://127.0.0.1:${port}${path}`,
    received,
    calls: (method) => received.filter(({ message }) => message?.method === method),
    faults,
    behaviour,
    get connections() {
      return connections;
    },
    announce: (method, params) => handler.announce(method, params),
    stop,
    restart() {
      handler.forget?.();
      return listen(port);
    },
    async close() {
      behaviour.release();
      await stop();
    },
  };
}

async function record_(req: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  let message: Any;
  try {
    message = JSON.parse(body);
  } catch {
    message = undefined;
  }
  return { method: req.method!, path: req.url!, headers: req.headers, rawHeaders: req.rawHeaders, body, message };
}

function takeFault(faults: Fault[], received: Received): Fault | undefined {
  const hits = ({ on = ({ message }) => message?.method === 'tools/call' }: Fault) => on(received);
  const index = faults.findIndex(hits);
  if (index < 0) return undefined;
  const fault = faults[index]!;
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times <= 0) faults.splice(index, 1);
  return fault;
}

/** @returns whether the request is answered after all. */
async function suffer(fault: Fault, res: ServerResponse): Promise<boolean> {
  switch (fault.kind) {
    case 'hang':
      return false;
    case 'slow':
      await sleep(fault.ms);
      return true;
    case 'reset':
      if (fault.midway) {
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
        res.write('{"jsonrpc":"2.0","id":');
        await sleep(5);
      }
      res.destroy();
      return false;
    case 'huge': {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.write('{"jsonrpc":"2.0","id":1,"result":{"x":"');
      const chunk = 'x'.repeat(64 * 1024);
      res.setMaxListeners(0);
      for (let sent = 0; sent < fault.bytes && !res.destroyed; sent += chunk.length) {
        if (!res.write(chunk))
          await Promise.race([new Promise((r) => res.once('drain', r)), new Promise((r) => res.once('close', r))]);
      }
      res.end('"}}');
      return false;
    }
    case 'gzip':
      res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      res.end(gzipSync(Buffer.alloc(1024 * 1024, 0x20)));
      return false;
    case 'status':
      res.writeHead(fault.status, fault.headers);
      res.end(fault.body);
      return false;
    case 'stall':
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write(': open\n\n');
      return false;
  }
}

/** An answer that is a JSON body as long as nothing comes before the response, and an event stream from then on. */
export function createAnswer(res: ServerResponse, options: { alwaysStream?: boolean | undefined } = {}) {
  const event = (message: object): void => {
    if (!res.headersSent) res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  };
  return {
    event,
    end(message: object): void {
      if (res.destroyed) return;
      if (res.headersSent || options.alwaysStream) {
        event(message);
        res.end();
      } else {
        const body = JSON.stringify(message);
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
        res.end(body);
      }
    },
  };
}

/** Aborted when the client closes the connection before the answer is complete. */
export function signalOf(res: ServerResponse): AbortSignal {
  const controller = new AbortController();
  res.on('close', () => {
    if (!res.writableFinished) controller.abort();
  });
  return controller.signal;
}
