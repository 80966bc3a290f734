/** The tokens of upstreams as a gateway process keeps them, with nothing around: several of these share a data folder. */
import { join } from 'node:path';
import pino from 'pino';
import { newId } from '../src/lib/ids.ts';
import { asFetch } from '../src/lib/safe-fetch.ts';
import { Secret } from '../src/lib/secret.ts';
import { DEFAULT_TENANT } from '../src/model/principal.ts';
import type { HttpUpstream, UpstreamAuth } from '../src/model/upstream.ts';
import { openDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import { insertUpstreamClient } from '../src/store/upstream-clients.ts';
import { putConnection } from '../src/store/upstream-connections.ts';
import { type ConnectionTokens, tokensRef, writeTokens } from '../src/upstreams/oauth/connection-tokens.ts';
import { createConnections } from '../src/upstreams/oauth/connections.ts';
import { openCredentials } from '../src/upstreams/resolve-credential.ts';
import { parseMasterKey } from '../src/vault/master-key.ts';
import { openVault, SHARED } from '../src/vault/vault.ts';
import { serveCommands } from './harness/commands.ts';

export interface TokenBrokerOptions {
  readonly dataDir: string;
  /** Base64; the same in all processes on one data folder. */
  readonly masterKey: string;
  /** Of the provider, which is the upstream as well. */
  readonly origin: string;
  readonly clientId: string;
}

const HOUR_MS = 3_600_000;
const PUBLIC_URL = 'http://127.0.0.1:9';
const tenantId = DEFAULT_TENANT;

const { dataDir, masterKey, origin, clientId } = JSON.parse(process.argv[2]!) as TokenBrokerOptions;

const declare = (name: string, auth: UpstreamAuth): HttpUpstream => ({
  ...{ name, url: `${origin}/mcp`, transport: 'http', source: 'file', enabled: true, timeoutMs: 5_000 },
  ...{ maxConcurrent: 64, forwardHeaders: [], audit: { response: 'hash', redact: [] }, identityHeader: null, auth },
});
const personal = declare('personal', {
  kind: 'oauth-per-user',
  oauth: {
    ...{ preset: null, issuer: null, client: { id: clientId, authMethod: 'none' }, scopes: null, readOnly: false },
    ...{ sendResource: null, reach: 'loopback', exchange: null },
  },
});
const fixed = declare('fixed', { kind: 'headers', names: ['Authorization'] });

const db = await openDatabase({ file: join(dataDir, 'toolgate.db') });
await migrate(db);
const vault = await openVault({ db, masterKey: parseMasterKey(masterKey, 'the bench') });
const connections = createConnections({
  ...{ db, vault, audit: { record() {} }, log: pino({ level: 'silent' }), publicUrl: () => PUBLIC_URL },
  upstream: (name) => (name === personal.name ? personal : undefined),
  secretOf: async () => null,
  linkKey: new Secret('link key of the bench'),
  fetchFor: () => fetchHere,
  onChange() {},
});
const nowhere = { of: () => Promise.reject(new Error('Not measured.')), renewed: () => Promise.reject(new Error()) };
const credentials = openCredentials({ vault, connections, machine: nowhere, cacheSize: 20_000 });
const fetchHere = asFetch({ reach: 'loopback-too', timeoutMs: 10_000 });

const person = (index: number) => ({ kind: 'user', id: `usr_${index}` }) as const;

/** One that was made before, without a browser: written as connecting and refreshing write it. */
async function store(index: number, refreshToken: string, expiresAt: number): Promise<void> {
  const ref = { tenantId, upstream: personal.name, owner: person(index) };
  const grantId = newId('cgr');
  const tokens: ConnectionTokens = {
    ...{
      grantId,
      url: personal.url,
      issuer: origin,
      reach: 'loopback',
      asked: [],
      scopes: ['mcp:read'],
      account: null,
    },
    client: {
      ...{ id: clientId, authMethod: 'none', secret: null, key: null },
      ...{ source: 'configured', secretExpiresAt: null, issuer: origin },
    },
    server: { server: { issuer: origin, token_endpoint: `${origin}/token` } },
    ...{ accessToken: new Secret(`at.${'x'.repeat(210)}`), refreshToken: new Secret(refreshToken) },
    ...{ obtainedAt: expiresAt - HOUR_MS, expiresAt, refreshExpiresAt: null, afterRefusal: false },
  };
  const { scopes, account, refreshExpiresAt } = tokens;
  const row = { ...ref, id: newId('con'), grantId, issuer: origin, clientId, scopes, account, expiresAt };
  await putConnection(db, { ...row, refreshExpiresAt, refreshDueAt: null, generation: 1 }, Date.now());
  await vault.put(tokensRef(ref), writeTokens(tokens));
}

interface Warm {
  readonly first: number;
  readonly people: number;
  readonly count: number;
}

/** CPU microseconds of one credential that is in memory. */
function resolveAll(upstream: HttpUpstream, { first, people, count }: Warm): number {
  const owners = Array.from({ length: people }, (_, index) => person(first + index));
  const before = process.threadCpuUsage();
  for (let i = 0; i < count; i++) {
    if (credentials.of(upstream, owners[i % people]) instanceof Promise) throw new Error('not in memory');
  }
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / count;
}

/** From asking to having. */
export interface Waits {
  readonly failed: number;
  readonly waitsMs: readonly number[];
}

const commands = {
  /** Connects people whose tokens end in so many milliseconds, which may be negative. */
  async seed({ first, refreshTokens, endInMs }: { first: number; refreshTokens: string[]; endInMs: number }) {
    await insertUpstreamClient(db, {
      ...{ tenantId, upstream: personal.name, issuer: origin, clientId, source: 'configured', authMethod: 'none' },
      ...{ redirectUri: `${PUBLIC_URL}/connect/callback`, secretExpiresAt: null, createdAt: 1 },
    });
    for (const [i, token] of refreshTokens.entries()) await store(first + i, token, Date.now() + endInMs);
    await vault.put(
      { tenantId, upstream: fixed.name, owner: SHARED, name: 'Authorization' },
      new Secret('Bearer fixed'),
    );
  },
  /** A call of each of these people at the same moment. */
  async callAll({ first, count }: { first: number; count: number }): Promise<Waits> {
    const from = performance.now();
    const waits = await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        try {
          await credentials.of(personal, person(first + i));
          return performance.now() - from;
        } catch {
          return null;
        }
      }),
    );
    const waitsMs = waits.filter((wait) => wait !== null);
    return { failed: count - waitsMs.length, waitsMs };
  },
  async compareWarm({ rounds, ...warm }: Warm & { rounds: number }) {
    await credentials.of(fixed, person(0));
    for (const upstream of [fixed, personal]) resolveAll(upstream, warm);
    const spent = { fixed: [] as number[], personal: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      spent.fixed.push(resolveAll(fixed, warm));
      spent.personal.push(resolveAll(personal, warm));
    }
    return spent;
  },
  /** People who connect one after the other, each all the way: milliseconds. The way through the browser is not counted. */
  async connect({ first, count }: { first: number; count: number }): Promise<number[]> {
    const spent: number[] = [];
    for (let i = 0; i < count; i++) {
      const owner = person(first + i);
      const browser = { userId: owner.id, browserHash: 'browser' };
      const from = performance.now();
      const url = await connections.begin(personal.name, owner, { ...browser, returnTo: '/' });
      const begun = performance.now() - from;
      const { headers } = await fetch(url, { redirect: 'manual' });
      const back = performance.now();
      await connections.complete(personal.name, new URL(headers.get('location')!), browser);
      spent.push(begun + performance.now() - back);
    }
    return spent;
  },
};

export type TokenBrokerCommands = typeof commands;

serveCommands(commands, async () => {
  await connections.close();
  await db.destroy();
});
