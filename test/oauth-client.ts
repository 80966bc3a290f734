import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { Browser } from './oauth-browser.ts';

export interface JsonAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly body: any;
}

export async function json(url: string, init: RequestInit = {}): Promise<JsonAnswer> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : text };
}

/** A form, as token endpoints take it. */
export const post = (
  url: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<JsonAnswer> => json(url, { method: 'POST', body: new URLSearchParams(fields), headers });

export const postJson = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<JsonAnswer> =>
  json(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });

export function newPkce(): { verifier: string; challenge: string } {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** Where a program on the own device listens; nothing does. */
export const LOOPBACK = 'http://127.0.0.1:45678/callback';

/** Registers a public client and returns its id. */
export async function register(base: string, metadata: Record<string, unknown> = {}): Promise<string> {
  const answer = await postJson(`${base}/oauth/register`, {
    client_name: 'A client',
    redirect_uris: ['http://127.0.0.1/callback'],
    ...metadata,
  });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body.client_id;
}

export interface AuthorizationRequest {
  readonly clientId: string;
  readonly redirectUri?: string;
  readonly challenge?: string;
  /** Further parameters, or others; undefined leaves one out. */
  readonly more?: Record<string, string | undefined>;
}

export function authorizeUrl(base: string, request: AuthorizationRequest): string {
  const parameters = {
    response_type: 'code',
    client_id: request.clientId,
    redirect_uri: request.redirectUri ?? LOOPBACK,
    state: 'the-state',
    code_challenge: request.challenge ?? newPkce().challenge,
    code_challenge_method: 'S256',
    resource: `${base}/mcp`,
    ...request.more,
  };
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `${base}/oauth/authorize?${new URLSearchParams(given)}`;
}

/** What comes back to the client in the URL that the browser is sent to. */
export const answerIn = (url: string): Record<string, string> => Object.fromEntries(new URL(url).searchParams);

/** A person who is signed in with the browser allows the client what it asks for. Returns the code and its verifier. */
export async function authorize(browser: Browser, request: AuthorizationRequest) {
  const { verifier, challenge } = newPkce();
  const page = await browser.open(authorizeUrl(browser.origin, { ...request, challenge }));
  const done = page.text.includes('name="decision"') ? await browser.submit(page, { decision: 'allow' }) : page;
  const answer = answerIn(done.url);
  assert.ok(answer.code, `${done.status} ${done.url} ${done.text.slice(0, 2000)}`);
  const { clientId: client_id, redirectUri: redirect_uri = LOOPBACK } = request;
  const exchange = {
    grant_type: 'authorization_code',
    code: answer.code,
    code_verifier: verifier,
    client_id,
    redirect_uri,
  };
  return { answer, exchange };
}

/** The whole way, from the consent to the tokens. */
export async function connect(browser: Browser, request: AuthorizationRequest) {
  const { exchange } = await authorize(browser, request);
  const answer = await post(`${browser.origin}/oauth/token`, exchange);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body as { access_token: string; refresh_token: string; expires_in: number; scope: string };
}

export const refreshFields = (clientId: string, refresh_token: string): Record<string, string> => ({
  grant_type: 'refresh_token',
  client_id: clientId,
  refresh_token,
});
