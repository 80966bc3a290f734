import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error.ts';
import { isLoopbackHost } from '../lib/loopback.ts';

export interface HostOriginOptions {
  /** The origin that clients know the gateway by, such as `https://mcp.example.com`. */
  readonly publicUrl: string;
  /** The port listened on. Loopback names with this port are always accepted: no web page of a stranger has them. */
  readonly listenPort: number;
  /** More hosts, each `host` or `host:port`. Without a port, the default port of the scheme of `publicUrl` is meant. */
  readonly allowedHosts: readonly string[];
  /** More web origins, each `scheme://host[:port]`. */
  readonly allowedOrigins: readonly string[];
}

type Request = Pick<IncomingMessage, 'rawHeaders' | 'url'>;

/** Returns the error to answer with, or null when the request may go on. */
export type RequestCheck = (request: Request) => AppError | null;

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const DEFAULT_PORTS: Record<string, string> = { 'http:': '80', 'https:': '443' };

/**
 * Refuses requests for a host that this gateway does not serve, which is how DNS rebinding shows: the page of a stranger
 * whose name was made to point here can reach the port, but its requests carry the stranger's name (CVE-2025-66414 and
 * others). Exactly one Host header is required; node:http lets a second one through (RFC 9112 §3.2 asks for 400).
 *
 * The allowed spellings are put into a set once; a check is one pass over the headers and one look-up.
 */
export function createHostCheck(options: HostOriginOptions): RequestCheck {
  const allowed = allowedHostValues(options);
  return ({ rawHeaders, url }) => {
    // A target in absolute form would take precedence over Host (RFC 9112 §3.2.2); only proxies are sent those.
    if (url?.charCodeAt(0) !== 0x2f) return new AppError('bad_request', 'The request target has to be a path.');
    let host: string | undefined;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]!;
      if (name.length !== 4 || name.toLowerCase() !== 'host') continue;
      if (host !== undefined) return new AppError('bad_request', 'The request has more than one Host header.');
      host = rawHeaders[i + 1]!;
    }
    if (host !== undefined && (allowed.has(host) || allowed.has(host.toLowerCase()))) return null;
    return new AppError('host_not_allowed');
  };
}

/**
 * Refuses requests that a web page of another origin caused (2025-11-25 and later, Streamable HTTP, "Security": an Origin
 * that is present and not valid is answered with 403). Requests without Origin do not come from a page's script and pass.
 */
export function createOriginCheck(options: HostOriginOptions): RequestCheck {
  const allowed = allowedOriginValues(options);
  return ({ rawHeaders }) => {
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]!;
      if (name.length !== 6 || name.toLowerCase() !== 'origin') continue;
      const origin = rawHeaders[i + 1]!;
      // With two Origin headers each has to be allowed.
      if (!allowed.has(origin) && !allowed.has(origin.toLowerCase())) return new AppError('origin_not_allowed');
    }
    return null;
  };
}

function allowedHostValues(options: HostOriginOptions): Set<string> {
  const publicUrl = new URL(options.publicUrl);
  const defaultPort = DEFAULT_PORTS[publicUrl.protocol] ?? '';
  const values = new Set<string>();
  /** A client leaves the default port of its scheme out, or writes it; both name the same place. */
  const add = (hostname: string, port: string) => {
    values.add(`${hostname}:${port}`);
    if (port === defaultPort) values.add(hostname);
  };
  const addLoopback = (port: string) => {
    for (const name of LOOPBACK_NAMES) add(name, port);
    // Spoken to directly, the listener is plain http, whatever the scheme of the public URL is.
    if (port === '80') for (const name of LOOPBACK_NAMES) values.add(name);
  };
  const publicPort = publicUrl.port || defaultPort;
  add(publicUrl.hostname, publicPort);
  // A container's port may be published under another one: then `localhost` and `127.0.0.1` are equally good.
  if (isLoopbackHost(publicUrl.hostname)) addLoopback(publicPort);
  addLoopback(String(options.listenPort));
  for (const entry of options.allowedHosts) {
    const [, hostname, port = defaultPort] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]+))?$/.exec(entry.toLowerCase()) ?? [];
    if (hostname !== undefined) add(hostname, port);
  }
  return values;
}

function allowedOriginValues(options: HostOriginOptions): Set<string> {
  const publicUrl = new URL(options.publicUrl);
  const values = new Set([publicUrl.origin]);
  const addLoopback = (port: string) => {
    for (const name of LOOPBACK_NAMES) values.add(new URL(`http://${name}:${port}`).origin);
  };
  if (publicUrl.protocol === 'http:' && isLoopbackHost(publicUrl.hostname)) addLoopback(publicUrl.port || '80');
  addLoopback(String(options.listenPort));
  for (const entry of options.allowedOrigins) {
    // Browsers never write a default port. Origins of other schemes (an editor's web views) have no URL origin.
    values.add(/^https?:/i.test(entry) ? new URL(entry).origin : entry.toLowerCase());
  }
  return values;
}
