import type { Configuration } from 'oidc-provider';
import { isDevelopment, type ServerContext } from './context.ts';

/**
 * What the library fetches with: the key sets of clients, whose addresses strangers choose, unless an operator configured
 * the client. The dispatcher that it brings along is left out: addresses are checked before there is a connection.
 */
export function fetchForLibrary(context: ServerContext): NonNullable<Configuration['fetch']> {
  return async (url, { method, headers, signal }: RequestInit = {}) => {
    const configured = context.settings.preRegistered.some(({ jwksUri }) => jwksUri === String(url));
    const {
      status,
      headers: answered,
      text,
    } = await context.fetch(String(url), {
      reach: isDevelopment(context) ? 'loopback-too' : configured ? 'internal' : 'public',
      method,
      headers: Object.fromEntries(new Headers(headers)),
      signal: signal ?? undefined,
    });
    return new Response(status === 204 || status === 304 ? null : text, { status, headers: answered });
  };
}
