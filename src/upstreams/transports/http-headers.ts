import type { Revision } from '../../model/catalogue.ts';
import type { Credential } from '../upstream-connection.ts';

export interface HeaderPrefix {
  /** Flat name, value, … for undici; the same array for every call with this credential, so do not change it. */
  of(credential: Credential): readonly string[];
}

/**
 * The headers that all posts of one connection share, built once for every credential. `Accept-Encoding: identity`
 * because an encoded answer would have to be inflated to be read, and a small one can inflate to gigabytes.
 */
export function createHeaderPrefix(revision: Revision | undefined, sessionId: string | undefined): HeaderPrefix {
  const own = ['content-type', 'application/json', 'accept', 'application/json, text/event-stream'];
  return prefixOf(own, revision, sessionId);
}

/** Likewise for GET. */
export function createStreamPrefix(revision: Revision | undefined, sessionId: string | undefined): HeaderPrefix {
  return prefixOf(['accept', 'text/event-stream', 'cache-control', 'no-cache'], revision, sessionId);
}

function prefixOf(own: string[], revision: Revision | undefined, sessionId: string | undefined): HeaderPrefix {
  const common = [...own, 'accept-encoding', 'identity', 'user-agent', 'toolgate'];
  // The header came with 2025-06-18; older servers may reject what they do not know.
  if (revision !== undefined && revision >= '2025-06-18') common.push('mcp-protocol-version', revision);
  if (sessionId !== undefined) common.push('mcp-session-id', sessionId);
  const cache = new WeakMap<Credential, readonly string[]>();
  return {
    of(credential) {
      let headers = cache.get(credential);
      if (headers === undefined) {
        headers = [...common, ...credential.headers.flatMap(([name, value]) => [name, value.reveal()])];
        cache.set(credential, headers);
      }
      return headers;
    },
  };
}
