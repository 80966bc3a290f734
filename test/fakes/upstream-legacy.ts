import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { FakePeer } from './upstream-behaviour.ts';
import {
  createAnswer,
  type FakeHttpUpstream,
  type HttpFakeGuard,
  type Received,
  signalOf,
  startHttpFake,
} from './upstream-http.ts';

export interface LegacyFakeOptions {
  readonly guard?: HttpFakeGuard;
  readonly revision?: string;
  /** Hands out no session ids. */
  readonly stateless?: boolean;
  /** What it answers to a session that it does not know: the 404 of the specification, or a 400 as many servers do. */
  readonly unknownSession?: 400 | 404;
  /** Offers no GET stream. */
  readonly noStream?: boolean;
  /** Answers every request with an event stream. */
  readonly alwaysStream?: boolean;
  /** Breaks every answer off after an event id, to be polled with GET and Last-Event-ID. */
  readonly polling?: boolean;
}

export interface FakeLegacyUpstream extends FakeHttpUpstream {
  readonly sessions: ReadonlySet<string>;
  /** Forgets all sessions, as after a restart. */
  forgetSessions(): void;
  /** Says on the standing streams what was given, whole. */
  sendRaw(message: object): void;
}

/** A Streamable HTTP server of 2025-03-26 to 2025-11-25, with sessions. */
export async function startLegacyUpstream(options: LegacyFakeOptions = {}): Promise<FakeLegacyUpstream> {
  const { revision = '2025-11-25', unknownSession = 404 } = options;
  const sessions = new Set<string>();
  const streams = new Set<ServerResponse>();
  /** Of requests under way, by session and id. */
  const cancellations = new Map<string, AbortController>();
  const asked = new Map<number, (answer: unknown) => void>();
  const unfinished = new Map<string, { message: object }>();
  let lastAsked = 1000;
  const write = (res: ServerResponse, message: object): void => {
    res.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  };

  const openSession = (
    received: Received,
    res: ServerResponse,
    behaviour: { capabilities: object; instructions: string | undefined },
  ): void => {
    const id = randomUUID();
    if (!options.stateless) {
      sessions.add(id);
      res.setHeader('mcp-session-id', id);
    }
    const { capabilities, instructions } = behaviour;
    const result = {
      protocolVersion: revision,
      capabilities,
      serverInfo: { name: 'legacy-fake', version: '1' },
      instructions,
    };
    createAnswer(res, options).end({ jsonrpc: '2.0', id: received.message.id, result });
  };

  const refuseSession = (received: Received, res: ServerResponse): boolean => {
    const id = received.headers['mcp-session-id'];
    if (options.stateless || (typeof id === 'string' && sessions.has(id))) return false;
    const status = id === undefined ? 400 : unknownSession;
    const error = {
      code: -32000,
      message: status === 400 ? 'Bad Request: No valid session ID provided' : 'Session not found',
    };
    res
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', error, id: null }));
    return true;
  };

  const fake = await startHttpFake(
    '/mcp',
    (behaviour) => ({
      announce(method, params) {
        for (const res of streams) write(res, { jsonrpc: '2.0', method, ...(params && { params }) });
      },
      forget: () => sessions.clear(),
      async handle(received, _req, res) {
        const { message, headers } = received;
        if (message?.method === 'initialize') return openSession(received, res, behaviour);
        if (refuseSession(received, res)) return;
        if (received.method === 'DELETE') {
          sessions.delete(String(headers['mcp-session-id']));
          res.writeHead(200).end();
          return;
        }
        if (received.method === 'GET') return openStream(received, res);
        const session = String(headers['mcp-session-id']);
        if (message.method === 'notifications/cancelled')
          cancellations.get(`${session} ${message.params.requestId}`)?.abort();
        if (message.method === undefined) asked.get(message.id)?.(message.result ?? message.error);
        if (message.id === undefined || message.method === undefined) {
          res.writeHead(202).end();
          return;
        }
        const key = `${session} ${message.id}`;
        const controller = new AbortController();
        cancellations.set(key, controller);
        const answer = createAnswer(res, options);
        const peer: FakePeer = {
          notify: (method, params) => answer.event({ jsonrpc: '2.0', method, params }),
          ask(method, params) {
            const id = ++lastAsked;
            answer.event({ jsonrpc: '2.0', id, method, params });
            return new Promise((resolve) => asked.set(id, resolve));
          },
          signal: AbortSignal.any([controller.signal, signalOf(res)]),
        };
        const outcome = await behaviour.handle(message, peer);
        cancellations.delete(key);
        const response = { ...outcome, jsonrpc: '2.0', id: message.id };
        if (!options.polling || message.method !== 'tools/call') return answer.end(response);
        const eventId = randomUUID();
        unfinished.set(eventId, { message: response });
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.end(`id: ${eventId}\nretry: 10\ndata: \n\n`);
      },
    }),
    options.guard,
  );

  function openStream(received: Received, res: ServerResponse): void {
    const last = received.headers['last-event-id'];
    const rest = typeof last === 'string' ? unfinished.get(last) : undefined;
    if (rest !== undefined) {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      write(res, rest.message);
      res.end();
      return;
    }
    if (options.noStream) {
      res.writeHead(405).end();
      return;
    }
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(': open\n\n');
    streams.add(res);
    res.on('close', () => streams.delete(res));
  }

  return Object.assign(fake, {
    sessions,
    forgetSessions: () => sessions.clear(),
    sendRaw(message: object) {
      for (const res of streams) write(res, message);
    },
  });
}
