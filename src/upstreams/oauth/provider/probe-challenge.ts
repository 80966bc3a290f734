import { SafeFetchError } from '../../../lib/safe-fetch-error.ts';
import { type Challenge, readChallenge } from './challenge.ts';
import type { ProviderFetch } from './provider.ts';
import { unanswered } from './provider-failure.ts';

interface Probe {
  readonly version: string;
  readonly message: { readonly method: string; readonly params?: object };
}

const clientInfo = { name: 'toolgate', version: '1' };

const INITIALIZE: Probe = {
  version: '2025-11-25',
  message: { method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo } },
};
const LIST: Probe = { version: '2025-11-25', message: { method: 'tools/list' } };
const MODERN_META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': clientInfo,
};
const MODERN_LIST: Probe = { version: '2026-07-28', message: { method: 'tools/list', params: { _meta: MODERN_META } } };

/**
 * Asks an upstream without a token, to be told what it wants. Many let everybody initialize and refuse what comes after,
 * so a list is asked for as well. Null: it wants nothing, or does not say so.
 *
 * @throws ProviderFailure `transient` when it does not answer
 */
export async function probeChallenge(url: string, fetch: ProviderFetch): Promise<Challenge | null> {
  const first = await ask(url, INITIALIZE, null, fetch);
  if (first === null || first.challenge !== null) return first?.challenge ?? null;
  // Who knows no initialize is of the revision without it.
  const second = await ask(url, first.status < 400 ? LIST : MODERN_LIST, first.session, fetch);
  if (first.session !== null) {
    // It may end the session by itself, later; whether this worked is of no matter.
    const headers = { 'mcp-session-id': first.session };
    await fetch(url, { method: 'DELETE', headers, redirect: 'manual' }).catch(() => undefined);
  }
  return second?.challenge ?? null;
}

async function ask(
  url: string,
  { version, message }: Probe,
  session: string | null,
  fetch: ProviderFetch,
): Promise<{ status: number; challenge: Challenge | null; session: string | null } | null> {
  const headers = {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'mcp-protocol-version': version,
    'mcp-method': message.method,
    ...(session !== null && { 'mcp-session-id': session }),
  };
  try {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, ...message });
    const { status, headers: said } = await fetch(url, { method: 'POST', headers, body, redirect: 'manual' });
    const challenge = readChallenge(status, said.get('www-authenticate') ?? undefined);
    return { status, challenge, session: said.get('mcp-session-id') };
  } catch (error) {
    // An answer that is no short document: a stream that stays open, a page, a redirect to a sign-in.
    const answers = ['timeout', 'too_large', 'redirected', 'encoded'];
    if (error instanceof SafeFetchError && answers.includes(error.code)) return null;
    throw unanswered(error, 'The upstream');
  }
}
