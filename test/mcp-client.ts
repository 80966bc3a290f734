import assert from 'node:assert/strict';
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { encodeHeaderValue, subjectOf } from '../src/mcp/header-rules.ts';
import { createSseReader, type SseEvent } from '../src/mcp/sse.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of many shapes
export type Any = any;

/** One complete answer. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The JSON-RPC messages in it, in order. */
  readonly messages: Any[];
  /** The last of them, which is the response where there is one. */
  readonly message: Any;
}

/** An answer that is being received. */
export interface OpenAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The messages so far; of a JSON answer only at its end. */
  readonly messages: Any[];
  /** The events so far that carry data. */
  readonly events: SseEvent[];
  /** To pause and to destroy. */
  readonly http: IncomingMessage;
  /** The first message, also of those to come, that matches. Rejects when the answer ends before. */
  find(matches: (message: Any) => boolean): Promise<Any>;
  /** Resolves when the answer is over, however it ended. */
  readonly closed: Promise<void>;
  /** Whether it ended as HTTP says that it should. */
  readonly complete: boolean;
  body(): string;
  /** Hangs up. */
  close(): void;
}

export interface SendOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer | object | undefined;
}

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

/** Sends one request and resolves once its answer begins. */
export function open(url: string, { method = 'POST', headers = {}, body }: SendOptions = {}): Promise<OpenAnswer> {
  const bytes = body === undefined ? undefined : bytesOf(body);
  return new Promise((resolve, reject) => {
    const req = request(url, {
      method,
      agent,
      headers: {
        accept: 'application/json, text/event-stream',
        ...(bytes !== undefined && { 'content-type': 'application/json', 'content-length': String(bytes.length) }),
        ...headers,
      },
    });
    req.on('error', reject);
    req.on('response', (res) => resolve(receive(res)));
    req.end(bytes);
  });
}

const bytesOf = (body: string | Buffer | object): Buffer =>
  Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));

function receive(res: IncomingMessage): OpenAnswer {
  const chunks: Buffer[] = [];
  const messages: Any[] = [];
  const events: SseEvent[] = [];
  const waiting = new Set<() => void>();
  const reader =
    res.headers['content-type'] === 'text/event-stream' ? createSseReader({ maxEventBytes: 1 << 28 }) : null;
  let over = false;
  const wake = (): void => {
    for (const look of [...waiting]) look();
  };
  res.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    for (const event of reader?.push(chunk) ?? []) {
      if (event.data === undefined || event.data.length === 0) continue;
      events.push(event);
      messages.push(JSON.parse(event.data.toString()));
    }
    wake();
  });
  res.on('error', () => {});
  const body = () => Buffer.concat(chunks).toString();
  const closed = new Promise<void>((resolve) => {
    res.on('close', () => {
      over = true;
      const isJson = /^application\/json\b/.test(String(res.headers['content-type'])) && chunks.length > 0;
      if (isJson && res.complete) messages.push(JSON.parse(body()));
      wake();
      resolve();
    });
  });
  return {
    status: res.statusCode!,
    headers: res.headers,
    messages,
    events,
    http: res,
    closed,
    body,
    get complete() {
      return res.complete;
    },
    find: (matches) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = messages.find(matches);
          if (found === undefined && !over) return;
          waiting.delete(look);
          if (found === undefined) reject(new Error(`The answer ended without it: ${body().slice(0, 500)}`));
          else resolve(found);
        };
        waiting.add(look);
        look();
      }),
    close: () => res.destroy(),
  };
}

/** Sends one request and waits for its whole answer. */
export async function send(url: string, options: SendOptions = {}): Promise<Reply> {
  const answer = await open(url, options);
  await answer.closed;
  const { status, headers, messages } = answer;
  return { status, headers, body: answer.body(), messages, message: messages.at(-1) };
}

export type Credential = string | Readonly<Record<string, string>> | undefined;

/** A key, other headers, or nothing. */
export const credentialHeaders = (credential: Credential): Record<string, string> =>
  typeof credential === 'string' ? { authorization: `Bearer ${credential}` } : { ...credential };

export interface RequestOptions {
  readonly id?: string | number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Added to `params._meta`. */
  readonly meta?: object;
}

export const MODERN = '2026-07-28';
const PREFIX = 'io.modelcontextprotocol';

/** What a client of 2026-07-28 sends: the message and the headers that repeat it. */
export function modernRequest(method: string, params: Any = {}, { id = 1, headers, meta }: RequestOptions = {}) {
  const _meta = {
    [`${PREFIX}/protocolVersion`]: MODERN,
    [`${PREFIX}/clientInfo`]: { name: 'test', version: '1' },
    [`${PREFIX}/clientCapabilities`]: {},
    ...params._meta,
    ...meta,
  };
  const name = subjectOf(method, params);
  return {
    body: { jsonrpc: '2.0', id, method, params: { ...params, _meta } },
    headers: {
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(name !== undefined && { 'mcp-name': encodeHeaderValue(name) }),
      ...headers,
    } as Record<string, string>,
  };
}

/** A client of either era, reduced to what tests need. */
export interface TestClient {
  request(method: string, params?: Any, options?: RequestOptions): Promise<Reply>;
  /** The same, for answers that are looked at before they are over. */
  open(method: string, params?: Any, options?: RequestOptions): Promise<OpenAnswer>;
}

export interface ModernClient extends TestClient {
  readonly era: 'modern';
}

export interface LegacyClient extends TestClient {
  readonly era: 'legacy';
  readonly sessionId: string;
  /** What `initialize` answered. */
  readonly initialized: Any;
  notify(method: string, params?: Any): Promise<Reply>;
  /** Answers a request of the server. */
  respond(id: string | number, result: Any): Promise<Reply>;
  /** Opens the GET stream, or resumes one. */
  listen(lastEventId?: string): Promise<OpenAnswer>;
  end(): Promise<Reply>;
}

export function modernClient(url: string, credential: Credential): ModernClient {
  let last = 0;
  const options = (method: string, params: Any, given: RequestOptions): SendOptions => {
    const { body, headers } = modernRequest(method, params, { id: ++last, ...given });
    return { body, headers: { ...credentialHeaders(credential), ...headers } };
  };
  return {
    era: 'modern',
    request: (method, params = {}, given = {}) => send(url, options(method, params, given)),
    open: (method, params = {}, given = {}) => open(url, options(method, params, given)),
  };
}

export interface LegacyOptions {
  readonly revision?: string;
  readonly capabilities?: object;
  readonly name?: string;
}

/** Opens a session. */
export async function legacyClient(
  url: string,
  credential: Credential,
  { revision = '2025-11-25', capabilities = {}, name = 'test' }: LegacyOptions = {},
): Promise<LegacyClient> {
  let last = 0;
  const own = credentialHeaders(credential);
  const params = { protocolVersion: revision, capabilities, clientInfo: { name, version: '1' } };
  const opened = await send(url, { body: { jsonrpc: '2.0', id: 'init', method: 'initialize', params }, headers: own });
  assert.ok(opened.message?.result !== undefined, opened.body);
  const sessionId = String(opened.headers['mcp-session-id']);
  const headers = {
    ...own,
    'mcp-session-id': sessionId,
    ...(revision >= '2025-06-18' && { 'mcp-protocol-version': revision }),
  };
  const post = (message: object) => send(url, { body: { jsonrpc: '2.0', ...message }, headers });
  const options = (method: string, params: Any, given: RequestOptions): SendOptions => {
    const _meta = given.meta === undefined ? undefined : { ...params?._meta, ...given.meta };
    const full = _meta === undefined ? params : { ...params, _meta };
    return {
      body: { jsonrpc: '2.0', id: given.id ?? ++last, method, ...(full !== undefined && { params: full }) },
      headers: { ...headers, ...given.headers },
    };
  };
  const accepted = await post({ method: 'notifications/initialized' });
  assert.equal(accepted.status, 202);
  return {
    era: 'legacy',
    sessionId,
    initialized: opened.message.result,
    request: (method, params, given = {}) => send(url, options(method, params, given)),
    open: (method, params, given = {}) => open(url, options(method, params, given)),
    notify: (method, params) => post({ method, ...(params !== undefined && { params }) }),
    respond: (id, result) => post({ id, result }),
    listen: (lastEventId) =>
      open(url, {
        method: 'GET',
        headers: {
          ...headers,
          accept: 'text/event-stream',
          ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
        },
      }),
    end: () => send(url, { method: 'DELETE', headers }),
  };
}

/** The client of one era, for tests that hold for both. */
export const clientOf = (era: 'legacy' | 'modern', url: string, credential: Credential): Promise<TestClient> =>
  era === 'modern' ? Promise.resolve(modernClient(url, credential)) : legacyClient(url, credential);

/** The same; null where the mount is an upstream that this caller may use nothing of, which looks like none at all. */
export async function clientIfMounted(era: 'legacy' | 'modern', url: string, credential: Credential) {
  const { status } = await modernClient(url, credential).request('server/discover');
  return status === 404 ? null : clientOf(era, url, credential);
}

/** All pages of a list. */
export async function listAll(client: TestClient, method: string, member: string): Promise<Any[]> {
  const items: Any[] = [];
  let cursor: string | undefined;
  do {
    const { message, body } = await client.request(method, cursor === undefined ? {} : { cursor });
    assert.ok(message.result !== undefined, body);
    items.push(...message.result[member]);
    cursor = message.result.nextCursor;
  } while (cursor !== undefined);
  return items;
}

/** The text of a tool's result. */
export const textOf = (reply: Reply): string => {
  assert.ok(reply.message?.result?.content !== undefined, `${reply.status} ${reply.body.slice(0, 1000)}`);
  return reply.message.result.content[0].text;
};
