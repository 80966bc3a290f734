import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import pino from 'pino';
import { newId } from '../src/lib/ids.ts';
import { asFetch } from '../src/lib/safe-fetch.ts';
import { Secret } from '../src/lib/secret.ts';
import type { AuditEvent } from '../src/model/audit-event.ts';
import { DEFAULT_TENANT } from '../src/model/principal.ts';
import type { HttpUpstream, Upstream, UpstreamOauth } from '../src/model/upstream.ts';
import { type Database, openDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import { insertUpstreamClient } from '../src/store/upstream-clients.ts';
import { putConnection } from '../src/store/upstream-connections.ts';
import type { ConnectionOwner } from '../src/upstreams/oauth/connection-owner.ts';
import { type ConnectionTokens, tokensRef, writeTokens } from '../src/upstreams/oauth/connection-tokens.ts';
import { type Connections, createConnections } from '../src/upstreams/oauth/connections.ts';
import type { ConnectionChange, ConnectionsOptions } from '../src/upstreams/oauth/connections-context.ts';
import { parseMasterKey } from '../src/vault/master-key.ts';
import { openVault, SHARED, type Vault } from '../src/vault/vault.ts';
import { callbackOf, type FakeOauthProvider } from './fakes/oauth-provider.ts';
import { oauthSettings } from './fakes/oauth-settings.ts';

/** For storms in one process with the provider, on a machine that does other things as well. */
const patientFetch = asFetch({ reach: 'loopback-too', timeoutMs: 20_000 });

const tenantId = DEFAULT_TENANT;
export const PUBLIC_URL = 'http://127.0.0.1:9';

/** A data folder that several brokers, also in other processes, can work on. */
export interface BrokerFolder {
  readonly file: string;
  readonly masterKey: string;
}

export async function newBrokerFolder(t: TestContext): Promise<BrokerFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'toolgate-broker-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const made = { file: join(folder, 'toolgate.db'), masterKey: randomBytes(32).toString('base64') };
  await writeFile(made.file, '');
  const db = await openDatabase(made);
  await migrate(db);
  await db.destroy();
  return made;
}

export function oauthUpstream(
  name: string,
  url: string,
  change: { kind?: 'oauth-shared' | 'oauth-per-user'; oauth?: Partial<UpstreamOauth> } = {},
): HttpUpstream {
  return {
    ...{ name, url, transport: 'http', source: 'file', enabled: true, timeoutMs: 5000, maxConcurrent: 64 },
    ...{ forwardHeaders: [], audit: { response: 'hash', redact: [] }, identityHeader: null },
    auth: { kind: change.kind ?? 'oauth-per-user', oauth: oauthSettings(change.oauth) },
  };
}

export interface Broker {
  readonly db: Database;
  readonly vault: Vault;
  readonly connections: Connections;
  readonly audit: AuditEvent[];
  readonly logged: string[];
  readonly changes: ConnectionChange[];
  close(): Promise<void>;
}

export interface BrokerOptions extends Partial<Omit<ConnectionsOptions, 'upstream' | 'db' | 'vault'>> {
  readonly upstreams: () => readonly Upstream[];
  /** Between the broker and its vault. */
  readonly wrapVault?: (vault: Vault) => Vault;
  readonly secrets?: Readonly<Record<string, string>>;
}

/** A broker as a gateway process has one: with a database handle, a vault and a memory of its own. */
export async function openBroker({ file, masterKey }: BrokerFolder, options: BrokerOptions): Promise<Broker> {
  const { upstreams, wrapVault = (vault) => vault, secrets = {}, ...rest } = options;
  const db = await openDatabase({ file });
  const vault = await openVault({ db, masterKey: parseMasterKey(masterKey, 'the test') });
  const audit: AuditEvent[] = [];
  const logged: string[] = [];
  const changes: ConnectionChange[] = [];
  const connections = createConnections({
    ...{ db, vault: wrapVault(vault), audit: { record: (event) => void audit.push(event) } },
    log: pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) }),
    publicUrl: () => PUBLIC_URL,
    upstream: (name) => upstreams().find((upstream) => upstream.name === name),
    secretOf: async (_, name) => (secrets[name] === undefined ? null : new Secret(secrets[name])),
    linkKey: new Secret('link key of the test'),
    fetchFor: () => patientFetch,
    onChange: (change) => void changes.push(change),
    ...rest,
  });
  const close = async (): Promise<void> => {
    await connections.close();
    await db.destroy();
  };
  return { db, vault, connections, audit, logged, changes, close };
}

export const user = (id: string): ConnectionOwner & { kind: 'user' } => ({ kind: 'user', id });

/** As a person does it in a browser. Resolves to what `complete` says. */
export async function connect(
  { connections }: Pick<Broker, 'connections'>,
  upstream: string,
  owner: ConnectionOwner,
  userId = owner.id || 'usr_admin',
) {
  const browser = { userId, browserHash: `browser of ${userId}` };
  const url = await connections.begin(upstream, owner, { ...browser, returnTo: '/connect' });
  return connections.complete(upstream, await callbackOf(url), browser);
}

/** A connection that was made long ago: its access token is over, its refresh token lives. Much faster than connecting. */
export async function seedConnection(
  { db, vault }: Pick<Broker, 'db' | 'vault'>,
  provider: FakeOauthProvider,
  upstream: HttpUpstream,
  owner: ConnectionOwner,
  change: Partial<ConnectionTokens> = {},
): Promise<{ readonly grant: string }> {
  const now = Date.now();
  const { accessToken, refreshToken, grant } = provider.issueTo(owner.id || 'team', 'toolgate', ['mcp:read']);
  const tokens: ConnectionTokens = {
    ...{ grantId: newId('cgr'), url: upstream.url, issuer: provider.issuer, reach: 'loopback', asked: ['mcp:read'] },
    client: {
      ...{ id: 'toolgate', authMethod: 'none', secret: null, key: null },
      ...{ source: 'dynamic', secretExpiresAt: null, issuer: provider.issuer },
    },
    server: {
      server: {
        issuer: provider.issuer,
        token_endpoint: `${provider.issuer}/token`,
        revocation_endpoint: `${provider.issuer}/revoke`,
      },
    },
    ...{ accessToken: new Secret(accessToken), refreshToken: new Secret(refreshToken!) },
    ...{ scopes: ['mcp:read'], account: owner.id || 'team' },
    ...{ obtainedAt: now - 3_600_000, expiresAt: now - 1000, refreshExpiresAt: null, afterRefusal: false },
    ...change,
  };
  const ref = { tenantId, upstream: upstream.name, owner };
  await insertUpstreamClient(db, {
    ...{ tenantId, upstream: upstream.name, issuer: provider.issuer, clientId: 'toolgate', source: 'dynamic' },
    ...{ authMethod: 'none', redirectUri: `${PUBLIC_URL}/connect/callback`, secretExpiresAt: null, createdAt: 1 },
  });
  const row = {
    ...{ ...ref, id: newId('con'), grantId: tokens.grantId, issuer: tokens.issuer, clientId: tokens.client.id },
    ...{ scopes: tokens.scopes, account: tokens.account, generation: 1 },
    ...{ expiresAt: tokens.expiresAt, refreshExpiresAt: tokens.refreshExpiresAt, refreshDueAt: null },
  };
  await putConnection(db, row, now);
  await vault.put(tokensRef(ref), writeTokens(tokens));
  return { grant: grant.id };
}

/** Registered by hand, so that connections can be seeded. */
export const SEEDED_CLIENT = { client_id: 'toolgate', token_endpoint_auth_method: 'none' } as const;

export const bearerOf = (credential: { readonly headers: readonly (readonly [string, Secret])[] }): string =>
  credential.headers[0]![1].reveal().replace('Bearer ', '');

export { SHARED };
