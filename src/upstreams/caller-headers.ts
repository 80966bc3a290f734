import type { IncomingMessage } from 'node:http';
import { credentialHeaders, type Upstream } from '../model/upstream.ts';

/**
 * Never passed on, whatever the configuration lists: what is of one connection only (RFC 9110 §7.6.1), what frames or
 * routes the request, what the gateway or the protocol sets, and everything that proves who the caller is.
 */
const NEVER: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'cookie2',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'last-event-id',
  'origin',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
  'x-api-key',
]);
const NEVER_PREFIXES = ['x-toolgate-', 'mcp-', 'proxy-', 'sec-', ':'];

const lists = new WeakMap<Upstream, ReadonlySet<string>>();

/** The names that may pass to this upstream; worked out once for every configuration of it. */
function allowedFor(upstream: Upstream): ReadonlySet<string> {
  let allowed = lists.get(upstream);
  if (allowed === undefined) {
    const identity = upstream.transport === 'stdio' ? null : upstream.identityHeader;
    const own = [...credentialHeaders(upstream.auth), identity ?? ''].map((name) => name.toLowerCase());
    allowed = new Set(
      upstream.forwardHeaders
        .map((name) => name.toLowerCase())
        .filter((name) => !NEVER.has(name) && !NEVER_PREFIXES.some((prefix) => name.startsWith(prefix)))
        // A caller must not bring a credential or a name of its own. With `_` many servers read it as the same name with `-`.
        .filter((name) => !own.includes(name) && !name.includes('_')),
    );
    lists.set(upstream, allowed);
  }
  return allowed;
}

/**
 * The headers of the caller that may reach this upstream, flat: name, value, … Only what its `forwardHeaders` names
 * passes, and not even that for hop-by-hop, framing, protocol and credential headers. A name that the caller's
 * `Connection` header lists is hop-by-hop, too. The array is new and may be added to.
 */
export function callerHeaders(upstream: Upstream, request: Pick<IncomingMessage, 'rawHeaders'>): string[] {
  const allowed = allowedFor(upstream);
  const passed: string[] = [];
  if (allowed.size === 0) return passed;
  const { rawHeaders } = request;
  const nominated = hopByHop(rawHeaders);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (allowed.has(name) && !nominated.includes(name)) passed.push(name, rawHeaders[i + 1]!);
  }
  return passed;
}

function hopByHop(rawHeaders: readonly string[]): string[] {
  const names: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() !== 'connection') continue;
    names.push(...rawHeaders[i + 1]!.split(',').map((name) => name.trim().toLowerCase()));
  }
  return names;
}
