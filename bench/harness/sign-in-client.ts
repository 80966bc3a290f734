import { createHash, randomBytes } from 'node:crypto';
import { MACHINE, PASSWORD } from './fixture-accounts.ts';
import { httpPost, mcpBody, mcpHeaders, type RequestTemplate } from './request-bytes.ts';
import { ScriptedBrowser } from './scripted-browser.ts';

/** A token answer (RFC 6749 §5.1). */
interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** What a client keeps after a sign-in. */
export interface Grant {
  readonly clientId: string;
  readonly refreshToken: string;
}

/** The parts of a sign-in, in their order. */
export const STEPS = [
  'discovery: challenge, resource and server metadata',
  'registration',
  'authorization request, up to the sign-in page',
  'password, up to the consent page',
  'consent, up to the code',
  'token request',
  'first call',
] as const;

/** Milliseconds of each step. A person’s time at the pages is in none of them. */
export type StepTimes = Readonly<Record<(typeof STEPS)[number], number>>;

/** Where a program on the own device listens; nothing does. */
const REDIRECT = 'http://127.0.0.1:33418/callback';
const PATH = '/mcp/echo';

/** A client that knows the address of the gateway alone lets a person sign in with a new browser, and makes a call. */
export async function signInCold(origin: string, person: string): Promise<StepTimes> {
  const times: number[] = [];
  let from = performance.now();
  const done = (): void => {
    const now = performance.now();
    times.push(now - from);
    from = now;
  };
  const resource = await discover(origin);
  done();
  const clientId = await registerClient(origin);
  done();
  const browser = new ScriptedBrowser(origin);
  const { url, verifier } = authorizationRequest(origin, clientId, resource);
  const form = await browser.open(url);
  done();
  const consent = await browser.submit(form, { login: person, password: PASSWORD });
  done();
  const answer = await browser.submit(consent, { decision: 'allow' });
  done();
  const tokens = await redeem(origin, { clientId, resource, verifier, answer: answer.url });
  done();
  await callEcho(origin, tokens.access_token);
  done();
  return Object.fromEntries(STEPS.map((step, i) => [step, times[i]!])) as StepTimes;
}

/** One person, one client, and that many grants of them: one consent, and the further ones without a question. */
export async function obtainGrants(origin: string, person: string, count: number): Promise<Grant[]> {
  const resource = origin + PATH;
  const clientId = await registerClient(origin);
  const browser = new ScriptedBrowser(origin);
  const grants: Grant[] = [];
  while (grants.length < count) {
    const { url, verifier } = authorizationRequest(origin, clientId, resource);
    let page = await browser.open(url);
    if (page.text.includes('name="password"')) page = await browser.submit(page, { login: person, password: PASSWORD });
    if (page.text.includes('name="decision"')) page = await browser.submit(page, { decision: 'allow' });
    const tokens = await redeem(origin, { clientId, resource, verifier, answer: page.url });
    grants.push({ clientId, refreshToken: tokens.refresh_token });
  }
  return grants;
}

/** Rotates the grant's refresh token. Returns the status and the new grant, which is the old one when it was refused. */
export async function refresh(origin: string, grant: Grant): Promise<{ status: number; grant: Grant }> {
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: grant.clientId,
    refresh_token: grant.refreshToken,
  });
  const response = await fetch(`${origin}/oauth/token`, { method: 'POST', body });
  const tokens = (await response.json()) as Partial<Tokens>;
  return {
    status: response.status,
    grant: { ...grant, refreshToken: tokens.refresh_token ?? grant.refreshToken },
  };
}

/** A token request of the machine by its secret. */
export function machineTokenRequest(port: number): RequestTemplate {
  const credentials = Buffer.from(`${MACHINE.id}:${MACHINE.secret}`).toString('base64');
  const headers = [
    ['authorization', `Basic ${credentials}`],
    ['content-type', 'application/x-www-form-urlencoded'],
    ['accept', 'application/json'],
  ] as const;
  return httpPost({ port, path: '/oauth/token', headers, body: 'grant_type=client_credentials', key: '' });
}

async function discover(origin: string): Promise<string> {
  const refused = await fetch(origin + PATH, callOf(''));
  await refused.text();
  const metadata = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '')?.[1];
  if (metadata === undefined) throw new Error(`No challenge, but ${refused.status}`);
  const { resource, authorization_servers: servers } = await json(metadata);
  const server = await json(`${(servers as string[])[0]}/.well-known/oauth-authorization-server`);
  if (server.token_endpoint !== `${origin}/oauth/token`) throw new Error(`Not our server: ${JSON.stringify(server)}`);
  return resource as string;
}

async function registerClient(origin: string): Promise<string> {
  const body = JSON.stringify({ client_name: 'Client of the bench', redirect_uris: [REDIRECT] });
  const headers = { 'content-type': 'application/json' };
  return (await json(`${origin}/oauth/register`, { method: 'POST', headers, body })).client_id as string;
}

function authorizationRequest(origin: string, clientId: string, resource: string) {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: REDIRECT,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state: 'state-of-the-client',
    resource,
  });
  return { url: `${origin}/oauth/authorize?${query}`, verifier };
}

async function redeem(
  origin: string,
  { clientId, resource, verifier, answer }: { clientId: string; resource: string; verifier: string; answer: string },
): Promise<Tokens> {
  const code = new URL(answer).searchParams.get('code');
  if (code === null) throw new Error(`No code: ${answer}`);
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: clientId,
    code,
    redirect_uri: REDIRECT,
    code_verifier: verifier,
    resource,
  });
  return (await json(`${origin}/oauth/token`, { method: 'POST', body })) as unknown as Tokens;
}

async function callEcho(origin: string, token: string): Promise<void> {
  const answer = await json(origin + PATH, callOf(token));
  if (!JSON.stringify(answer).includes('the first call')) throw new Error(JSON.stringify(answer));
}

function callOf(token: string): RequestInit {
  const call = { method: 'tools/call', name: 'echo', params: { name: 'echo', arguments: { text: 'the first call' } } };
  const headers = Object.fromEntries(mcpHeaders({ ...call, key: token }));
  if (token === '') delete headers.authorization;
  return { method: 'POST', headers, body: mcpBody(call, 1) };
}

async function json(url: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} of ${url}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}
