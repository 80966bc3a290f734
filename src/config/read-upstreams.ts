import { resolve } from 'node:path';
import { closestMatch } from '../lib/closest.ts';
import { isLoopbackHost } from '../lib/loopback.ts';
import { credentialHeaders, type HttpUpstream, isOauth, type StdioUpstream, type Upstream } from '../model/upstream.ts';
import type { ClientSecretTemplates, HeaderTemplate } from './config.ts';
import { explainIssue } from './explain-issue.ts';
import type { Finding, SettingPath } from './fault.ts';
import { looksSecret } from './header-rules.ts';
import type { ConfigEnvironment } from './layers.ts';
import { readUpstreamAuth } from './read-upstream-auth.ts';
import { parseTemplate, referencesOf, type TemplatePart } from './references.ts';
import {
  type HttpUpstreamEntry,
  HttpUpstreamSchema,
  type StdioUpstreamEntry,
  StdioUpstreamSchema,
} from './upstream-schema.ts';

/** What the entries of `upstreams` amount to. Entries with faults are left out of the first three. */
export interface UpstreamReading {
  readonly upstreams: Upstream[];
  readonly headers: Map<string, readonly HeaderTemplate[]>;
  readonly secrets: Map<string, ClientSecretTemplates>;
  readonly faults: Finding[];
  readonly warnings: Finding[];
}

/** @param folder absolute; relative working directories start here. @param env that references must be found in. */
export function readUpstreams(entries: readonly unknown[], folder: string, env: ConfigEnvironment): UpstreamReading {
  const reading: UpstreamReading = { upstreams: [], headers: new Map(), secrets: new Map(), faults: [], warnings: [] };
  const firstOf = new Map<unknown, number>();
  for (const [index, entry] of entries.entries()) {
    const name = typeof entry === 'object' && entry !== null && 'name' in entry ? entry.name : undefined;
    const first = firstOf.get(name);
    if (first === undefined) firstOf.set(name, index);
    else if (name !== undefined) {
      reading.faults.push({
        path: ['upstreams', index, 'name'],
        problem: `\`upstreams[${first}]\` has the same name.`,
        fix: 'Give each upstream a name of its own: it is the prefix of its tools.',
      });
    }
    readEntry(entry, ['upstreams', index], { folder, env, reading });
  }
  return reading;
}

interface Surroundings {
  readonly folder: string;
  readonly env: ConfigEnvironment;
  readonly reading: UpstreamReading;
}

function readEntry(entry: unknown, path: SettingPath, around: Surroundings): void {
  const { faults } = around.reading;
  if (!isMap(entry)) {
    faults.push({ path, problem: 'This has to be a map.', fix: 'Write `- name: …` with the other keys below it.' });
    return;
  }
  const keys = Object.keys(entry);
  const has = (key: string) => keys.includes(key) || keys.some((given) => closestMatch(given, [key]) !== null);
  if (keys.includes('url') && keys.includes('command')) {
    const fix = 'Keep `url` for a server on the network, or `command` for one to start.';
    faults.push({ path, problem: 'Both `url` and `command` are set.', fix });
  } else if (has('url')) {
    const parsed = HttpUpstreamSchema.safeParse(entry, { reportInput: true });
    if (parsed.success) addHttp(parsed.data, path, around);
    else faults.push(...parsed.error.issues.flatMap((issue) => explainIssue(issue, HttpUpstreamSchema, path)));
  } else if (has('command')) {
    const parsed = StdioUpstreamSchema.safeParse(entry, { reportInput: true });
    if (parsed.success) addStdio(parsed.data, around);
    else faults.push(...parsed.error.issues.flatMap((issue) => explainIssue(issue, StdioUpstreamSchema, path)));
  } else {
    const fix = 'Add `url` for a server on the network, or `command` for one to start.';
    faults.push({ path, problem: 'Neither `url` nor `command` is set.', fix });
  }
  // On the entry as it stands, so that this is found beside what the schema refuses.
  const used = entry.enabled !== false;
  checkValues(entry.env, [...path, 'env'], used, around);
  if (!isMap(entry.auth)) return;
  checkValues(entry.auth.headers, [...path, 'auth', 'headers'], used, around);
  for (const kind of ['oauth', 'clientCredentials', 'tokenExchange']) {
    const client = entry.auth[kind];
    if (!isMap(client)) continue;
    const { clientSecret, clientKey } = client;
    checkValues({ clientSecret, clientKey }, [...path, 'auth', kind], used, around);
  }
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function addHttp(entry: HttpUpstreamEntry, path: SettingPath, { reading }: Surroundings): void {
  const { auth, headers, secrets } = readUpstreamAuth(entry.auth);
  const { identityHeader = null } = entry;
  const own = credentialHeaders(auth).map((name) => name.toLowerCase());
  if (identityHeader !== null && own.includes(identityHeader.toLowerCase())) {
    const problem = 'The credential under `auth` travels in this header.';
    reading.faults.push({ path: [...path, 'identityHeader'], problem, fix: 'Name another header here.' });
  }
  if (identityHeader !== null && entry.transport === 'sse') {
    const problem = 'Over `sse` there is no header for each call.';
    reading.faults.push({ path: [...path, 'identityHeader'], problem, fix: 'Use `transport: http`, or remove this.' });
  }
  for (const [index, name] of entry.forwardHeaders.entries()) {
    if (!own.includes(name) && name !== identityHeader?.toLowerCase()) continue;
    const where = own.includes(name) ? 'under `auth`' : 'as `identityHeader`';
    reading.faults.push({
      path: [...path, 'forwardHeaders', index],
      problem: `The gateway sets this header itself, ${where}.`,
      fix: 'Remove it here, or callers could send a credential of their own.',
    });
  }
  const upstream: HttpUpstream = { ...entry, source: 'file', auth, identityHeader };
  reading.warnings.push(...doubtsAbout(upstream, path));
  reading.upstreams.push(upstream);
  if (headers !== undefined) reading.headers.set(entry.name, headers);
  if (secrets !== undefined) reading.secrets.set(entry.name, secrets);
}

function doubtsAbout({ url: text, auth, identityHeader }: HttpUpstream, path: SettingPath): Finding[] {
  const url = new URL(text);
  const doubts: Finding[] = [];
  const here = isLoopbackHost(url.hostname);
  if (url.protocol === 'http:' && !here && (auth.kind !== 'none' || identityHeader !== null)) {
    const problem = 'The credential travels in clear text over http.';
    doubts.push({ path: [...path, 'url'], problem, fix: 'Use https.' });
  }
  if (here && isOauth(auth) && auth.oauth.reach !== 'loopback') {
    const problem = 'It is on this machine, where its metadata is not looked for.';
    const fix = 'Add `reach: loopback` if it names its authorization server itself.';
    doubts.push({ path: [...path, 'auth'], problem, fix });
  }
  if (isOauth(auth) && auth.oauth.client !== null && auth.oauth.issuer === null && auth.oauth.preset === null) {
    const problem =
      'Nothing says where this client is registered, so the provider that the server names first is believed.';
    doubts.push({ path: [...path, 'auth'], problem, fix: 'Set `issuer`.' });
  }
  return doubts;
}

function addStdio(entry: StdioUpstreamEntry, { folder, reading }: Surroundings): void {
  reading.upstreams.push({
    ...entry,
    source: 'file',
    command: entry.command as [string, ...string[]],
    cwd: entry.cwd === undefined ? undefined : resolve(folder, entry.cwd),
    forwardHeaders: [],
    auth: { kind: 'none' },
  } satisfies StdioUpstream);
}

/** Every variable that is referred to must be there (unless nothing uses it yet); literal secrets deserve a warning. */
function checkValues(values: unknown, path: SettingPath, used: boolean, { env, reading }: Surroundings): void {
  for (const [key, value] of Object.entries(isMap(values) ? values : {})) {
    const parts = typeof value === 'string' ? tryTemplate(value) : undefined;
    if (parts === undefined) continue;
    for (const name of used ? referencesOf(parts, 'env') : []) {
      if (env[name]) continue;
      const problem = `The environment variable ${name} is not set.`;
      reading.faults.push({ path: [...path, key], problem, fix: 'Set it where the gateway is started.' });
    }
    if (parts.every((part) => part.kind === 'text') && looksSecret(key, String(value))) {
      reading.warnings.push({
        path: [...path, key],
        problem: 'A secret seems to stand in the file itself.',
        fix: 'Move it into the vault and write `${vault:NAME}`, or into the environment and write `${env:NAME}`.',
      });
    }
  }
}

/** Undefined for a malformed template: the schema reports that. */
function tryTemplate(text: string): TemplatePart[] | undefined {
  try {
    return parseTemplate(text);
  } catch {
    return undefined;
  }
}
