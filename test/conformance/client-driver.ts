/**
 * What the official suite runs as "the client": `node client-driver.ts {URL of its MCP server}`. The client under test is
 * the gateway in CONFORMANCE_TARGET: the URL becomes an upstream of it, and a person whose agent calls that upstream does in
 * a browser what the gateway asks for. Ends with 0 when the tool of the scenario answered in the end.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { modernClient, type TestClient } from '../mcp-client.ts';
import { Browser, type PageAnswer } from '../oauth-browser.ts';
import { PASSWORD } from '../sign-in.ts';
import { type ClientContext, upstreamAuth } from './client-scenarios.ts';
import { startCompanyGateway } from './company-gateway.ts';

/** The running gateway, and who uses it. */
export interface ConformanceTarget {
  readonly url: string;
  readonly ownerKey: string;
  readonly person: { readonly name: string; readonly key: string };
}

/** A client that asks again and again is stopped by the gateway, and not by who follows its links. */
const MAX_CONNECTS = 5;
const DEADLINE_MS = 20_000;
const PAUSE_MS = 250;

const scenario = process.env.MCP_CONFORMANCE_SCENARIO!;
const serverUrl = process.argv.at(-1)!;
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}') as ClientContext;

process.exitCode = (await run()) ? 0 : 1;

async function run(): Promise<boolean> {
  if (context.idp_issuer !== undefined) return runAtCompany();
  const target = JSON.parse(process.env.CONFORMANCE_TARGET!) as ConformanceTarget;
  const upstream = `c-${randomBytes(6).toString('hex')}`;
  const { auth, values } = upstreamAuth(scenario, context);
  await admin(target, 'POST', '/upstreams', { body: { name: upstream, url: serverUrl, auth } });
  try {
    if (values !== undefined) await admin(target, 'PUT', `/upstreams/${upstream}/credential`, { body: { values } });
    return await useTool(target, upstream);
  } finally {
    // Another scenario's server may get its port.
    await admin(target, 'DELETE', `/upstreams/${upstream}`, { headers: { 'if-match': '*' } });
  }
}

/** The person's identity provider is one of the suite's, so this takes a gateway that has it configured. */
async function runAtCompany(): Promise<boolean> {
  const { target, upstream, close } = await startCompanyGateway(serverUrl, context);
  try {
    return await useTool(target, upstream);
  } finally {
    await close();
  }
}

/** Asks for the upstream's tool as an agent does, and does what the answers ask a person for. */
async function useTool(target: ConformanceTarget, upstream: string): Promise<boolean> {
  const agent = modernClient(`${target.url}/mcp/${upstream}`, target.person.key);
  const browser = new Browser(target.url);
  const end = Date.now() + DEADLINE_MS;
  let connects = 0;
  while (Date.now() < end) {
    const answer = await askOnce(agent);
    if (answer.done) return true;
    console.log(answer.text);
    const link = linkIn(answer.text, `${target.url}/connect/${upstream}`);
    if (link !== null) {
      if (connects++ === MAX_CONNECTS) return false;
      const page = await connect(browser, target, link);
      if (page.includes('connection_stopped')) await acceptProvider(target, upstream);
      else if (page !== '') return false;
    } else if (answer.text.includes('connection_stopped')) await acceptProvider(target, upstream);
    else if (answer.isFinal) return false;
    await setTimeout(PAUSE_MS);
  }
  return false;
}

interface Answer {
  readonly done: boolean;
  /** Whether asking again brings nothing else. */
  readonly isFinal: boolean;
  readonly text: string;
}

/** Lists the tools and calls one: the upstream's, or the gateway's own that helps to connect. */
async function askOnce(agent: TestClient): Promise<Answer> {
  const listed = await agent.request('tools/list');
  const names: string[] = (listed.message?.result?.tools ?? []).map(({ name }: { name: string }) => name);
  const own = names.find((name) => name !== 'connect');
  const name = own ?? names[0];
  // A catalogue that is being loaded is empty for a moment.
  if (name === undefined) return { done: false, isFinal: false, text: listed.body };
  const called = await agent.request('tools/call', { name, arguments: {} });
  const result = called.message?.result;
  const done =
    own !== undefined && result !== undefined && result.isError !== true && result.resultType !== 'input_required';
  return { done, isFinal: own !== undefined, text: called.body };
}

function linkIn(text: string, prefix: string): string | null {
  const at = text.indexOf(prefix);
  return at === -1 ? null : /^[^\s"'<>\\)]+/.exec(text.slice(at))![0];
}

/** What an administrator does who was told that the upstream names another provider, and finds that this is right. */
async function acceptProvider(target: ConformanceTarget, upstream: string): Promise<void> {
  const { origin, pathname } = new URL(serverUrl);
  const metadata = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  const { authorization_servers: named } = (await metadata.json()) as { authorization_servers: string[] };
  console.log(`from now on at ${named[0]}`);
  const { kind, oauth } = upstreamAuth(scenario, context).auth;
  const body = { url: serverUrl, auth: { kind, oauth: { ...oauth, issuer: named[0] } } };
  await admin(target, 'PUT', `/upstreams/${upstream}`, { body, headers: { 'if-match': '*' } });
}

/**
 * What a person does who follows the link: signs in, agrees, signs in at the provider, comes back. Returns the page on
 * which that ended if it says that it did not work; empty when it did.
 */
async function connect(browser: Browser, target: ConformanceTarget, link: string): Promise<string> {
  let page = await browser.open(link);
  if (page.text.includes('name="password"')) {
    page = await browser.submit(page, { login: target.person.name, password: PASSWORD });
  }
  if (page.status >= 400) return giveUp(page);
  const provider = await browser.submit(page, {});
  if (new URL(provider.url).origin === target.url) return giveUp(provider);
  console.log(`to ${provider.url}`);
  const answer = await fetch(provider.url, { redirect: 'manual' });
  const done = await browser.open(answer.headers.get('location') ?? `/?provider=${answer.status}`);
  return done.status < 400 ? '' : giveUp(done);
}

function giveUp({ status, url, text }: PageAnswer): string {
  console.log(`${status} ${url}: ${plain(text)}`);
  return text;
}

function plain(page: string): string {
  const text = page.replace(/<style[\s\S]*?<\/style>|<[^>]+>/g, ' ');
  return text.replace(/\s+/g, ' ').slice(0, 600);
}

interface AdminRequest {
  readonly body?: object;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function admin(target: ConformanceTarget, method: string, path: string, asked: AdminRequest): Promise<void> {
  const { body, key = target.ownerKey, headers } = asked;
  const response = await fetch(`${target.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...headers,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
}
