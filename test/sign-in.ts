import assert from 'node:assert/strict';
import type { TestGateway } from './harness.ts';
import { Browser } from './oauth-browser.ts';
import { newPkce, post, postJson } from './oauth-client.ts';

export const PASSWORD = 'correct horse battery staple';
const REDIRECT = 'http://127.0.0.1:33418/callback';

export interface Person {
  readonly id: string;
  readonly name: string;
}

/** Makes a user with these roles, who chooses a password over a set-up link. */
export async function addPerson(gateway: TestGateway, name: string, roles: readonly string[]): Promise<Person> {
  const { body: user } = await gateway.admin('POST', '/users', { name });
  for (const role of roles) {
    await gateway.admin('POST', '/role-assignments', { role, subject: { kind: 'user', id: user.id } });
  }
  const { body: link } = await gateway.admin('POST', `/users/${user.id}/setup-links`, {});
  const browser = new Browser(gateway.url);
  await browser.submit(await browser.open(link.url), { password: PASSWORD, password_again: PASSWORD });
  return { id: user.id, name };
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly scope: string;
  readonly expires_in: number;
}

/** Registers a public client for a loopback redirect. */
export async function registerClient(gateway: TestGateway, name = 'Test client'): Promise<string> {
  const { status, body } = await postJson(`${gateway.url}/oauth/register`, {
    client_name: name,
    redirect_uris: [REDIRECT],
  });
  assert.equal(status, 201, JSON.stringify(body));
  return body.client_id;
}

/** A person signs in to a client in a new browser, allows what it asks for, and the client gets its tokens. */
export async function signIn(
  gateway: TestGateway,
  person: Pick<Person, 'name'>,
  { clientId, resource = `${gateway.url}/mcp`, scope }: { clientId: string; resource?: string; scope?: string },
): Promise<Tokens> {
  const { verifier, challenge } = newPkce();
  const query = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: REDIRECT,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 'state-of-the-client',
    resource,
    ...(scope !== undefined && { scope }),
  });
  const browser = new Browser(gateway.url);
  const form = await browser.open(`/oauth/authorize?${query}`);
  const consent = await browser.submit(form, { login: person.name, password: PASSWORD });
  const done = await browser.submit(consent, { decision: 'allow' });
  const answer = new URL(done.url);
  assert.equal(answer.searchParams.get('state'), 'state-of-the-client', `${done.url} ${done.text.slice(0, 2000)}`);
  assert.equal(answer.searchParams.get('iss'), gateway.url, 'RFC 9207');
  const tokens = await post(`${gateway.url}/oauth/token`, {
    grant_type: 'authorization_code',
    client_id: clientId,
    code: answer.searchParams.get('code')!,
    redirect_uri: REDIRECT,
    code_verifier: verifier,
    resource,
  });
  assert.equal(tokens.status, 200, JSON.stringify(tokens.body));
  return tokens.body;
}

export const refresh = (gateway: TestGateway, clientId: string, refreshToken: string) =>
  post(`${gateway.url}/oauth/token`, { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken });
