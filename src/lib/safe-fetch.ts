import { isIP } from 'node:net';
import { Agent, type Dispatcher } from 'undici';
import { normalizeAddress } from './cidr.ts';
import { isForbiddenAddress } from './forbidden-addresses.ts';
import { guardLookup, type Lookup } from './guarded-lookup.ts';
import { isLoopbackHost } from './loopback.ts';
import { isPublicAddress } from './public-addresses.ts';
import { SafeFetchError } from './safe-fetch-error.ts';

/**
 * How far a fetch may go. `public`: hosts of the internet by name, for URLs that strangers choose. `internal`: also
 * private networks, for URLs that the operator wrote. `loopback-too`: also this machine, there with plain http, for
 * development. Metadata services and link-local addresses are out of reach always.
 */
export type Reach = 'public' | 'internal' | 'loopback-too';

export interface SafeFetchOptions {
  readonly reach: Reach;
  /** Most bytes of a body; 64 KiB by default. */
  readonly maxBytes?: number | undefined;
  /** For everything, from the name to the last byte; 3 s by default. */
  readonly timeoutMs?: number | undefined;
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Instead of the resolver of the system. Its answers are checked in the same way. */
  readonly lookup?: Lookup | undefined;
}

export interface SafeFetchAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const DEFAULT_MAX_BYTES = 64 * 1024;
const DEFAULT_TIMEOUT_MS = 3000;

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

const REFUSES: Readonly<Record<Reach, (address: string) => boolean>> = {
  public: (address) => !isPublicAddress(address),
  internal: (address) => isForbiddenAddress(address) || isLoopback(address),
  'loopback-too': isForbiddenAddress,
};

/**
 * Fetches a URL that may be hostile, or lead somewhere hostile. The name is resolved once, each of its addresses is
 * checked, and the connection goes to one of these. No redirect is followed, no compression is taken, no connection is
 * used twice. Throws SafeFetchError for all that is no answer; an answer of any status but a redirect is returned.
 */
export async function safeFetch(url: string | URL, options: SafeFetchOptions): Promise<SafeFetchAnswer> {
  const { status, headers, body } = await fetchBytes(url, options);
  return { status, headers, text: body.toString('utf8') };
}

/** The same in the shape of `fetch`, for libraries that take one. It also rejects with SafeFetchError. */
export function asFetch(options: SafeFetchOptions): typeof fetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    // Reads whatever kind of body and headers a library gives.
    const asked = new Request(input instanceof Request ? input : url, { ...plainInit(init) });
    const bytes = asked.body === null ? undefined : new Uint8Array(await asked.arrayBuffer());
    const { status, headers, body } = await fetchBytes(url, {
      ...options,
      method: asked.method,
      headers: { ...options.headers, ...Object.fromEntries(asked.headers) },
      body: bytes,
      signal: init?.signal ?? options.signal,
    });
    const answer = new Response(EMPTY_STATUSES.has(status) ? null : new Uint8Array(body), { status, headers });
    // Libraries compare it with what they asked for (RFC 8414 §3.3 and others), and a Response that was made has none.
    return Object.defineProperty(answer, 'url', { value: url });
  };
}

/** Statuses that a Response may have no body with. */
const EMPTY_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

const plainInit = ({ method, headers, body }: RequestInit = {}): RequestInit => ({
  ...(method !== undefined && { method }),
  ...(headers !== undefined && { headers }),
  ...(body != null && { body, duplex: 'half' }),
});

interface Bytes {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

async function fetchBytes(input: string | URL, options: SafeFetchOptions): Promise<Bytes> {
  const { reach, maxBytes = DEFAULT_MAX_BYTES, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  const url = checkUrl(input, reach);
  // Plain http is for loopback alone, also when `localhost` resolves to something else.
  const refuses = url.protocol === 'http:' ? (address: string) => !isLoopback(address) : REFUSES[reach];
  const agent = new Agent({
    allowH2: false,
    pipelining: 0,
    maxCachedSessions: 0,
    connect: { timeout: timeoutMs, lookup: guardLookup(refuses, options.lookup) },
  });
  let ended: SafeFetchError | undefined;
  const end = (error: SafeFetchError): void => {
    ended ??= error;
    void agent.destroy(error);
  };
  const timer = setTimeout(() => end(new SafeFetchError('timeout', `${url.host} took too long.`)), timeoutMs);
  const abort = (): void => end(new SafeFetchError('timeout', 'The fetch was given up.', { cause: signal?.reason }));
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const answer = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: (options.method ?? 'GET') as Dispatcher.HttpMethod,
      headers: ownHeaders(options.headers),
      body: options.body ?? null,
    });
    return await readAnswer(url, answer, maxBytes);
  } catch (error) {
    throw ended ?? toFailure(url, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    void agent.destroy();
  }
}

/** The URL parser has made one spelling of `127.1`, `0x7f.1`, `017700000001` and `[::ffff:7f00:1]` before. */
function checkUrl(input: string | URL, reach: Reach): URL {
  const refuse = (code: 'url_not_allowed' | 'address_not_allowed', why: string): never => {
    throw new SafeFetchError(code, `The URL is not fetched: ${why}.`);
  };
  const url = URL.parse(String(input)) ?? refuse('url_not_allowed', 'it is no URL');
  const loopback = isLoopbackHost(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback && reach === 'loopback-too')) {
    refuse('url_not_allowed', 'it is not https');
  }
  if (url.username !== '' || url.password !== '') refuse('url_not_allowed', 'there is user information in it');
  // With a dot at the end, a name is looked up as it is, past what compares names; no certificate has one.
  if (url.hostname.endsWith('.')) refuse('url_not_allowed', 'its host ends with a dot');
  const bare = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) {
    if (reach === 'public') refuse('address_not_allowed', 'its host is an address and not a name');
    if (REFUSES[reach](normalizeAddress(bare)!)) refuse('address_not_allowed', `${bare} is out of reach`);
  }
  if (reach !== 'loopback-too' && (loopback || url.hostname.endsWith('.localhost'))) {
    refuse('address_not_allowed', 'it is this machine');
  }
  return url;
}

/** What frames the request is ours to say. */
const FRAMING = new Set(['accept-encoding', 'connection', 'content-length', 'host', 'transfer-encoding', 'upgrade']);

function ownHeaders(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !FRAMING.has(name.toLowerCase()));
  return { ...Object.fromEntries(kept), 'accept-encoding': 'identity' };
}

async function readAnswer(url: URL, answer: Dispatcher.ResponseData, maxBytes: number): Promise<Bytes> {
  const { statusCode: status } = answer;
  if (status >= 300 && status < 400 && status !== 304) {
    throw new SafeFetchError('redirected', `${url.host} answers with a redirect (${status}), which is not followed.`);
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(answer.headers)) {
    for (const one of Array.isArray(value) ? value : [value ?? '']) headers.append(name, one);
  }
  if (!/^(?:identity)?$/i.test(headers.get('content-encoding') ?? '')) {
    throw new SafeFetchError('encoded', `${url.host} answers with a compressed body.`);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += (chunk as Buffer).length;
    if (size > maxBytes) throw new SafeFetchError('too_large', `${url.host} answers with more than ${maxBytes} bytes.`);
    chunks.push(chunk as Buffer);
  }
  return { status, headers, body: Buffer.concat(chunks) };
}

function toFailure(url: URL, error: unknown): SafeFetchError {
  if (error instanceof SafeFetchError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EFORBIDDEN') return new SafeFetchError('address_not_allowed', (error as Error).message);
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return new SafeFetchError('timeout', `${url.host} took too long.`);
  return new SafeFetchError('unreachable', `${url.host} cannot be reached: ${(error as Error).message}`, {
    cause: error,
  });
}
