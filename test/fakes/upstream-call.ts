import assert from 'node:assert/strict';
import { join } from 'node:path';
import pino from 'pino';
import type { AppError } from '../../src/errors/app-error.ts';
import { Secret } from '../../src/lib/secret.ts';
import { subjectOf } from '../../src/mcp/header-rules.ts';
import { scanMessage } from '../../src/mcp/scan-message.ts';
import { createSseReader } from '../../src/mcp/sse.ts';
import type { HttpUpstream, StdioUpstream, Upstream } from '../../src/model/upstream.ts';
import { createBreaker } from '../../src/upstreams/breaker.ts';
import { createBulkhead } from '../../src/upstreams/bulkhead.ts';
import { createCallGuard } from '../../src/upstreams/call-guard.ts';
import type { TokenSource } from '../../src/upstreams/renewable-credentials.ts';
import type { ConnectionOptions } from '../../src/upstreams/transports/connection-options.ts';
import { createHttpEndpoint } from '../../src/upstreams/transports/http.ts';
import type {
  CallLimits,
  Credential,
  Exchange,
  ExchangeSink,
  OutboundRequest,
} from '../../src/upstreams/upstream-connection.ts';
import type { UpstreamContext } from '../../src/upstreams/upstream-context.ts';

const base = {
  source: 'file',
  enabled: true,
  timeoutMs: 5000,
  maxConcurrent: 1000,
  forwardHeaders: [],
  audit: { response: 'hash', redact: [] },
  auth: { kind: 'none' },
} as const;

export function httpUpstream(url: string, changes: Partial<HttpUpstream> = {}): HttpUpstream {
  return { ...base, name: 'fake', transport: 'http', url, identityHeader: null, ...changes };
}

/** @param args of upstream-stdio.ts */
export function stdioUpstream(args: readonly string[], changes: Partial<StdioUpstream> = {}): StdioUpstream {
  const command = [process.execPath, join(import.meta.dirname, 'upstream-stdio.ts'), ...args] as [string, ...string[]];
  return {
    ...base,
    name: 'fake',
    transport: 'stdio',
    command,
    env: {},
    cwd: undefined,
    isolation: 'shared',
    ...changes,
  };
}

export const noCredential: Credential = { id: 'none', headers: [] };
export const bearer = (token: string): Credential => ({
  id: `shared:${token}`,
  headers: [['Authorization', new Secret(`Bearer ${token}`)]],
});
/** For upstreams that need no token. */
export const noTokens: TokenSource = {
  of: () => assert.fail('no upstream here has tokens'),
  renewed: () => assert.fail('no upstream here has tokens'),
};
export const identity = { clientInfo: { name: 'toolgate', version: 'test' }, clientCapabilities: {} };
export const silent = pino({ level: 'silent' });

/** A context as the registry makes it, with a way to end what it holds. */
export function contextFor(
  upstream: Upstream,
  limits: Partial<CallLimits> = {},
): UpstreamContext & { close(): Promise<void> } {
  const all: CallLimits = {
    timeoutMs: upstream.timeoutMs,
    maxDurationMs: 60_000,
    maxResponseBytes: 1024 * 1024,
    ...limits,
  };
  const guard = createCallGuard(upstream.name, createBulkhead(upstream.maxConcurrent), createBreaker());
  const endpoint =
    upstream.transport === 'stdio'
      ? undefined
      : createHttpEndpoint({
          name: upstream.name,
          url: upstream.url,
          limits: all,
          guard,
          maxConcurrent: upstream.maxConcurrent,
        });
  return {
    upstream,
    limits: all,
    guard,
    log: silent,
    endpoint,
    references: { env: () => undefined, vault: async () => undefined },
    era: undefined,
    eraFound: undefined,
    close: async () => endpoint?.close(),
  };
}

export const sharedOptions = (changes: Partial<ConnectionOptions> = {}): ConnectionOptions => ({
  credential: noCredential,
  shared: true,
  identity,
  ...changes,
});

/** A request as the gateway hands it over. */
export function request(
  message: { id: string | number; method: string; params?: object },
  changes: Partial<OutboundRequest> & { modern?: boolean } = {},
): OutboundRequest {
  const { modern, ...rest } = changes;
  const params = message.params as { _meta?: object } | undefined;
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'client', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
    ...params?._meta,
  };
  const full = modern ? { ...message, params: { ...params, _meta: meta } } : message;
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...full }));
  const { spans } = scanMessage(body, { depth: 64 });
  return {
    body,
    spans,
    method: message.method,
    name: subjectOf(message.method, params as never),
    headers: [],
    credential: noCredential,
    ...rest,
  };
}

export const toolCall = (
  id: string | number,
  name: string,
  args: object = {},
  changes?: Parameters<typeof request>[1],
  meta?: object,
): OutboundRequest =>
  request({ id, method: 'tools/call', params: { name, arguments: args, ...(meta && { _meta: meta }) } }, changes);

export interface Answer {
  readonly status: number;
  readonly type: 'json' | 'sse' | undefined;
  readonly body: string;
  /** Messages of the answer, in order. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into messages of many shapes
  readonly messages: any[];
  readonly error: AppError | undefined;
}

/** A sink that keeps everything, and checks that it is called in the order that the contract says. */
export function recordingSink(options: { full?: (chunk: Buffer) => boolean } = {}) {
  const done = Promise.withResolvers<Answer>();
  const chunks: Buffer[] = [];
  const state = {
    status: 0,
    type: undefined as 'json' | 'sse' | undefined,
    over: false,
    bytes: 0,
    opened: Promise.withResolvers<void>(),
  };
  const finish = (error?: AppError): void => {
    if (state.over) throw new Error('end or fail was called twice');
    state.over = true;
    const body = Buffer.concat(chunks);
    const read = () =>
      createSseReader({ maxEventBytes: 1 << 26 })
        .push(body)
        .flatMap(({ data }) => (data?.length ? [JSON.parse(data.toString())] : []));
    const messages =
      error !== undefined && state.type !== 'sse' ? [] : state.type === 'sse' ? read() : [JSON.parse(body.toString())];
    done.resolve({ status: state.status, type: state.type, body: body.toString(), messages, error });
  };
  const sink: ExchangeSink = {
    head(status, type) {
      if (state.type !== undefined || state.over) throw new Error('head was not first');
      state.status = status;
      state.type = type;
      state.opened.resolve();
    },
    data(chunk) {
      if (state.type === undefined || state.over) throw new Error('data outside of an answer');
      chunks.push(chunk);
      state.bytes += chunk.length;
      return !(options.full?.(chunk) ?? false);
    },
    end: () => finish(),
    fail: finish,
  };
  return { sink, done: done.promise, state, text: () => Buffer.concat(chunks).toString() };
}

/** Sends one request and waits for its answer. */
export function exchange(
  connection: { exchange(request: OutboundRequest, sink: ExchangeSink): Exchange },
  outbound: OutboundRequest,
): Promise<Answer> {
  const { sink, done } = recordingSink();
  connection.exchange(outbound, sink);
  return done;
}

/** Waits until something is so; fails after five seconds. */
export async function until(what: () => boolean, why = 'the condition'): Promise<void> {
  const end = performance.now() + 5000;
  while (!what()) {
    if (performance.now() > end) throw new Error(`${why} did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
