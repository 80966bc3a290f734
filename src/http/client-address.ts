import type { IncomingMessage } from 'node:http';
import { compileCidrs, normalizeAddress } from '../lib/cidr.ts';
import { createLru } from '../lib/lru.ts';

export interface ClientAddressOptions {
  /** CIDR networks of reverse proxies, as `trustedProxies` has them. Throws a RangeError for what is not a network. */
  readonly trustedProxies: readonly string[];
}

/** The part of a request that is looked at. */
type Request = Pick<IncomingMessage, 'headers'> & { readonly socket: { readonly remoteAddress?: string | undefined } };

/**
 * Makes the function that says which address a request comes from, in canonical form (no IPv4-mapped IPv6, no zone).
 *
 * That is the peer of the socket, unless the peer is a trusted proxy: then the right-most entry of `X-Forwarded-For` that
 * is not itself a trusted proxy, since everything further left was written by somebody who is not trusted. An entry that is
 * no address ends the search at the last address known for sure. `Forwarded`, `X-Real-IP` and spellings with `_`
 * (`X_Forwarded_For`, which some proxies pass and some servers fold) are never read.
 *
 * The result is an empty string when the socket is already gone; it matches no network.
 */
export function createClientAddress(options: ClientAddressOptions): (request: Request) => string {
  const isTrusted = compileCidrs(options.trustedProxies);
  if (options.trustedProxies.length === 0) return (request) => peerOf(request);
  // The answer depends on nothing else than peer and header, and looking it up again costs a fraction of finding it.
  const known = createLru<string, string>(1024);
  return (request) => {
    const peer = peerOf(request);
    // Node joins repeated X-Forwarded-For lines in their order, so that the last entry is the nearest proxy's.
    const forwarded = request.headers['x-forwarded-for'];
    if (typeof forwarded !== 'string') return peer;
    const key = `${peer} ${forwarded}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const address = isTrusted(peer) ? nearestUntrusted(peer, forwarded, isTrusted) : peer;
    if (key.length <= MAX_KNOWN_LENGTH) known.set(key, address);
    return address;
  };
}

/** Longer headers are no proxy's doing; they are answered, but not remembered. */
const MAX_KNOWN_LENGTH = 256;

function nearestUntrusted(peer: string, forwarded: string, isTrusted: (address: string) => boolean): string {
  let nearest = peer;
  for (const entry of forwarded.split(',').reverse()) {
    const address = readEntry(entry.trim());
    if (address === null) return nearest;
    if (!isTrusted(address)) return address;
    nearest = address;
  }
  return nearest;
}

function peerOf(request: Request): string {
  const address = request.socket.remoteAddress;
  if (address === undefined) return '';
  return address.includes(':') ? (normalizeAddress(address) ?? '') : address;
}

/** An address as proxies write it: bare, or with a port (`192.0.2.1:4711`, `[2001:db8::1]:4711`). */
function readEntry(entry: string): string | null {
  const bracketed = /^\[([0-9a-f:.]+)\](?::[0-9]{1,5})?$/i.exec(entry);
  if (bracketed !== null) return normalizeAddress(bracketed[1]!);
  const withPort = /^([0-9.]+):[0-9]{1,5}$/.exec(entry);
  return normalizeAddress(withPort === null ? entry : withPort[1]!);
}
