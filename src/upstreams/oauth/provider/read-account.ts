import { escapeUnprintable } from '../../../audit/escape-unprintable.ts';
import { expandPreset } from './expand-preset.ts';
import { memberOf } from './member-of.ts';
import type { Preset } from './preset.ts';
import type { Provider, ProviderFetch, TokenSet } from './provider.ts';

export interface AccountOptions {
  readonly provider: Provider;
  readonly preset: Preset | null;
  readonly tokens: TokenSet;
  /** The answer that the tokens came in. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly clientId: string;
  readonly fetch: ProviderFetch;
}

const CLAIMS = ['email', 'preferred_username', 'name', 'sub'];
const MAX_LENGTH = 254;

/**
 * Whose tokens these are, for people to recognise: as the preset knows, or by the ID token, or by the UserInfo endpoint.
 * Nothing may depend on it. Null when nobody says; it fails never.
 */
export async function readAccount(options: AccountOptions): Promise<string | null> {
  const { provider, preset, tokens, body, fetch, clientId } = options;
  const where = preset?.account;
  const inAnswer = where !== undefined && !('url' in where) ? firstOf(body, where.members) : null;
  const found = inAnswer ?? (await fromApi(options)) ?? fromIdToken(body, provider.issuer, clientId);
  if (found !== null) return tidy(found);
  const userinfo = provider.server.userinfo_endpoint;
  if (userinfo === undefined || !tokens.scopes.includes('openid')) return null;
  const claims = await ask(userinfo, tokens, fetch);
  const account = claims === null ? null : firstOf(claims, CLAIMS);
  return account === null ? null : tidy(account);
}

async function fromApi({ provider, preset, tokens, fetch }: AccountOptions): Promise<string | null> {
  const where = preset?.account;
  if (where === undefined || !('url' in where)) return null;
  const answer = await ask(expandPreset(where.url, preset!, provider.issuer), tokens, fetch);
  return answer === null ? null : firstOf(answer, where.members);
}

/** It came straight from the provider, and decides nothing: its signature is not looked at (OpenID Connect Core §3.1.3.7). */
function fromIdToken(body: Readonly<Record<string, unknown>>, issuer: string, clientId: string): string | null {
  const payload = memberOf(body, 'id_token')?.split('.')[1];
  if (payload === undefined) return null;
  try {
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    const audiences = [claims.aud].flat();
    return claims.iss === issuer && audiences.includes(clientId) ? firstOf(claims, CLAIMS) : null;
  } catch {
    return null;
  }
}

async function ask(
  url: string,
  { accessToken }: TokenSet,
  fetch: ProviderFetch,
): Promise<Readonly<Record<string, unknown>> | null> {
  const headers = {
    accept: 'application/json',
    authorization: `Bearer ${accessToken.reveal()}`,
    // GitHub answers nobody who has no name.
    'user-agent': 'toolgate',
  };
  try {
    const response = await fetch(url, { headers, redirect: 'manual' });
    const body: unknown = response.status === 200 ? await response.json() : null;
    return typeof body === 'object' ? (body as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

function firstOf(document: Readonly<Record<string, unknown>>, members: readonly string[]): string | null {
  for (const member of members) {
    const value = memberOf(document, member);
    if (value !== null) return value;
  }
  return null;
}

const tidy = (account: string): string => escapeUnprintable(account).slice(0, MAX_LENGTH);
