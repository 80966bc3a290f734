import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { pino } from 'pino';
import { AppError } from '../src/errors/app-error.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../src/gateway/gateway.ts';
import { createMemoryBudget } from '../src/http/memory-budget.ts';
import { Secret } from '../src/lib/secret.ts';
import type { AuditEvent } from '../src/model/audit-event.ts';
import type { Caller, KeyRestriction } from '../src/model/principal.ts';
import type { Role, RoleRule } from '../src/model/role.ts';
import type { Upstream, UpstreamAuth } from '../src/model/upstream.ts';
import { createDecisionTable } from '../src/policy/decision-table.ts';
import { createPolicyEngine } from '../src/policy/policy-engine.ts';
import type { Credentials } from '../src/upstreams/resolve-credential.ts';
import type { Credential } from '../src/upstreams/upstream-connection.ts';
import { createUpstreams } from '../src/upstreams/upstreams.ts';
import type { HttpFakeGuard } from './fakes/upstream-http.ts';

export interface ConnectPerson {
  readonly kind?: 'user' | 'service_account';
  /** Everything by default. */
  readonly allow?: readonly RoleRule[];
  readonly restriction?: KeyRestriction;
  /** Of an access token; a key by default. */
  readonly scopes?: readonly string[];
}

export interface ConnectGatewayOptions<Name extends string> {
  readonly people: Readonly<Record<Name, ConnectPerson>>;
  /** URLs by name. Those in `open` need no account. */
  readonly upstreams: Readonly<Record<string, string>>;
  readonly open?: Readonly<Record<string, string>>;
  /** Those in `vouched` take what the company's identity provider says of a person, who has to be signed in there. */
  readonly vouched?: Readonly<Record<string, string>>;
  /** Whether there are pages to connect an account on; there are. */
  readonly pages?: boolean;
  /** Instead of accounts that the test connects. */
  readonly credentialOf?: Credentials['of'];
}

/**
 * The gateway alone, before upstreams that want everybody's own account. Which accounts are connected is up to the test:
 * the connections themselves, their pages and their tokens are tested elsewhere.
 */
export interface ConnectGateway<Name extends string> {
  readonly url: string;
  readonly gateway: Gateway;
  /** Credentials of the people. */
  readonly keys: Readonly<Record<Name, string>>;
  readonly records: AuditEvent[];
  /** Why an account cannot be used, other than that there is none. */
  readonly reasons: Map<string, 'expired' | 'scopes'>;
  idOf(name: Name): string;
  linkOf(name: Name, upstream: string): string;
  /** The account is there, as if another process had connected it. */
  store(name: Name, upstream: string): void;
  /** The person comes back from the page. */
  connect(name: Name, upstream: string): Promise<void>;
  disconnect(name: Name, upstream: string): void;
  /** Changes somebody's roles. */
  setRoles(name: Name, allow: readonly RoleRule[]): Promise<void>;
  close(): Promise<void>;
}

const PAGES = 'https://toolgate.example/connect';
const EVERYTHING: readonly RoleRule[] = [{ upstream: '*' }];
const OAUTH = {
  preset: null,
  issuer: null,
  client: null,
  scopes: null,
  readOnly: false,
  sendResource: null,
  reach: 'loopback',
  exchange: null,
} as const;
const PER_USER: UpstreamAuth = { kind: 'oauth-per-user', oauth: OAUTH };
const VOUCHED: UpstreamAuth = {
  kind: 'token-exchange',
  oauth: {
    ...OAUTH,
    exchange: { grant: 'token-exchange', subject: 'identity-provider', provider: 'company', audience: null },
  },
};
/** Where a person signs in at the identity provider again. */
export const SIGN_IN_URL = 'https://toolgate.example/sign-in/company';

/** The token of somebody's account at an upstream. */
export const tokenOf = (id: string, upstream: string): string => `Bearer account-of-${id}-at-${upstream}`;

/** Lets an upstream answer nobody without an account. */
export const wantsAccount: HttpFakeGuard = ({ headers }, res) => {
  if (headers.authorization?.startsWith('Bearer account-of-')) return false;
  res.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
  return true;
};

const LOG = pino({ level: 'silent' });
/** What is beside the point here. */
const PLAIN_OPTIONS = {
  identity: { about: () => assert.fail('No upstream here wants to be told who calls.') },
  anonymous: null,
  log: LOG,
  requestStateKey: new Secret('a key for tests'),
  tracer: undefined,
  observe: () => {},
  memory: createMemoryBudget(256 * 1024 * 1024),
  sessionLimits: { idleMs: 600_000, maxPerPrincipal: 100 },
  pageSize: 100,
  version: 'test',
  addressOf: () => '127.0.0.1',
  checkHeaders: () => null,
  challenge: ({ status, code }: AppError) => (status === 401 || status === 403 ? `Bearer error="${code}"` : undefined),
  dpopNonce: () => '',
  recordRefusal: () => {},
  refuseNow: () => null,
  bodyBytes: 1024 * 1024,
  depth: 64,
} satisfies Partial<GatewayOptions>;

const idOf = (name: string): string => `usr_${name}`;
const keyOf = (name: string): string => `key-of-${name}`;
const linkOf = (name: string, upstream: string): string => `${PAGES}/${upstream}?for=${name}`;
const accountKey = (id: string, upstream: string): string => `${id} ${upstream}`;

export async function startConnectGateway<Name extends string>(
  options: ConnectGatewayOptions<Name>,
): Promise<ConnectGateway<Name>> {
  const people = Object.entries<ConnectPerson>(options.people);
  const accounts = createAccounts();
  const credentialOf = options.credentialOf ?? accounts.credentialOf;
  const records: AuditEvent[] = [];
  const rights = createRights(people);
  const declared = [
    ...declare(options.upstreams, PER_USER),
    ...declare(options.vouched, VOUCHED),
    ...declare(options.open, { kind: 'none' }),
  ];
  const upstreams = createUpstreams({
    upstreams: declared,
    credentialOf,
    findProvider: async () => 'Nobody is asked.',
    references: () => ({ env: () => undefined, vault: async () => undefined }),
    log: LOG,
    clientInfo: { name: 'toolgate', version: 'test' },
  });
  const gateway = createGateway({
    ...PLAIN_OPTIONS,
    upstreams,
    declared: () => ({ upstreams: declared, ...rights.now() }),
    credentialOf,
    connectLink: (upstream, { kind, name }) =>
      options.pages === false || kind !== 'user' ? null : { url: linkOf(name, upstream) },
    verify: createVerify(people),
    audit: {
      async intent(event: AuditEvent) {
        records.push(event);
      },
      record: (event: AuditEvent) => void records.push(event),
    } as unknown as GatewayOptions['audit'],
    newRequestId: counter('req'),
  });
  while (upstreams.status().some(({ state }) => state === 'starting')) await setTimeout(5);
  const server = createServer((req, res) => void gateway.handle(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    gateway,
    keys: Object.fromEntries(people.map(([name]) => [name, keyOf(name)])) as Record<Name, string>,
    records,
    reasons: accounts.reasons,
    idOf,
    linkOf,
    store: (name, upstream) => void accounts.stored.add(accountKey(idOf(name), upstream)),
    async connect(name, upstream) {
      accounts.stored.add(accountKey(idOf(name), upstream));
      accounts.reasons.delete(accountKey(idOf(name), upstream));
      await gateway.connected({ upstream, principalId: idOf(name) });
    },
    disconnect(name, upstream) {
      accounts.stored.delete(accountKey(idOf(name), upstream));
      gateway.disconnected({ upstream, principalId: idOf(name) });
    },
    async setRoles(name, allow) {
      rights.set(name, allow);
      gateway.refresh();
      await gateway.recheck();
    },
    async close() {
      await gateway.close(0);
      await closeServer(server);
      await upstreams.close();
    },
  };
}

/** Which accounts there are, and what they give. */
function createAccounts() {
  const stored = new Set<string>();
  const reasons: ConnectGateway<string>['reasons'] = new Map();
  const credentials = new Map<string, Credential>();

  const credentialFor = (key: string, id: string, name: string): Credential => ({
    id: key,
    headers: [['Authorization', new Secret(tokenOf(id, name))]],
    // What the provider says when the upstream refuses the token.
    async renew() {
      const reason = reasons.get(key) ?? 'expired';
      if (reason === 'expired') stored.delete(key);
      throw required(name, reason);
    },
  });
  const credentialOf: Credentials['of'] = async ({ name, auth }, owner) => {
    if (auth.kind === 'none') return { id: 'none', headers: [] };
    const key = accountKey(owner!.id, name);
    if (!stored.has(key)) {
      if (auth.kind === 'token-exchange') throw required(name, 'sign_in', { connectUrl: SIGN_IN_URL });
      throw required(name, reasons.get(key) ?? 'not_connected');
    }
    const credential = credentials.get(key) ?? credentialFor(key, owner!.id, name);
    credentials.set(key, credential);
    return credential;
  };
  return { stored, reasons, credentialOf };
}

const required = (upstream: string, reason: string, more: object = {}): AppError =>
  new AppError('connection_required', `"${upstream}" needs an account.`, { data: { upstream, reason, ...more } });

/** Everybody has a role of their own name. */
function createRights(people: readonly [string, ConnectPerson][]) {
  const roles = new Map<string, Role>();
  const set = (name: string, allow: readonly RoleRule[]): void => {
    roles.set(name, { name, description: '', allow, deny: [] });
    engine.replace([...roles.values()]);
  };
  const engine = createPolicyEngine({ roles: [], onFault: (error) => assert.fail(error as Error) });
  const policy = createDecisionTable(engine);
  for (const [name, { allow }] of people) set(name, allow ?? EVERYTHING);
  return { set, now: () => ({ roles: [...roles.values()], policy }) };
}

function createVerify(people: readonly [string, ConnectPerson][]): GatewayOptions['verify'] {
  const callers = new Map<string, Caller>(
    people.map(([name, { kind = 'user', restriction, scopes }]) => [
      keyOf(name),
      {
        tenantId: 'default',
        principal: { kind, id: idOf(name), name },
        agent: { kind: 'access_key', id: `key_${name}`, name: `key of ${name}` },
        roles: [name],
        ...(restriction && { restriction }),
        ...(scopes && { grant: { id: `grt_${name}`, scopes, resource: 'https://toolgate.example/mcp' } }),
      },
    ]),
  );
  return (key) => {
    const caller = callers.get(key);
    if (caller === undefined) throw new AppError('credential_invalid');
    return { ...caller };
  };
}

const declare = (urls: Readonly<Record<string, string>> = {}, auth: UpstreamAuth): Upstream[] =>
  Object.entries(urls).map(([name, url]) => ({
    name,
    source: 'api',
    enabled: true,
    timeoutMs: 20_000,
    maxConcurrent: 100,
    forwardHeaders: [],
    audit: { response: 'hash', redact: [] },
    auth,
    transport: 'http',
    url,
    identityHeader: null,
  }));

const counter = (prefix: string) => {
  let last = 0;
  return () => `${prefix}_${++last}`;
};

function closeServer(server: Server): Promise<unknown> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
}
