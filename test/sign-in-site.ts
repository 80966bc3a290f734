import { randomBytes, scryptSync } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { fastify as createFastify } from 'fastify';
import pino from 'pino';
import { IdentityProviderSchema, type IdentityProviderSettings } from '../src/config/issuer-schemas.ts';
import { type BrowserSessions, createBrowserSessions } from '../src/identity/browser-sessions.ts';
import { createSignIn, type SignInService } from '../src/identity/sign-in.ts';
import { newId } from '../src/lib/ids.ts';
import type { AuditEvent } from '../src/model/audit-event.ts';
import { DEFAULT_TENANT } from '../src/model/principal.ts';
import { type Database, openDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import { insertUser, type User } from '../src/store/users.ts';
import { parseMasterKey } from '../src/vault/master-key.ts';
import { openVault, type Vault } from '../src/vault/vault.ts';
import { Browser } from './oauth-browser.ts';

/** The pages of signing in over real HTTP, with an empty database. */
export interface SignInSite {
  readonly url: string;
  readonly db: Database;
  readonly vault: Vault;
  readonly sessions: BrowserSessions;
  readonly signIn: SignInService;
  readonly events: AuditEvent[];
  readonly changedUsers: string[];
  /** Keys that ended as their owner rose. */
  readonly endedKeys: string[];
  readonly endedGrants: string[];
  /** May be replaced at any time. */
  settings: { identityProviders: IdentityProviderSettings[]; localAccounts: boolean };
  /** Names of the providers whose ID tokens an upstream needs. */
  readonly keepsIdTokensOf: Set<string>;
  /** Of whom one was kept: provider and user id. */
  readonly idTokensKept: [provider: string, userId: string][];
  /** Lets time pass. */
  later(milliseconds: number): void;
  /** What time it is there. */
  now(): number;
  newUser(name: string): Promise<User>;
  newBrowser(): Browser;
  close(): Promise<void>;
}

export async function startSignInSite(): Promise<SignInSite> {
  const db = await openDatabase({ file: ':memory:' });
  await migrate(db);
  const vault = await openVault({ db, masterKey: parseMasterKey(randomBytes(32).toString('base64'), 'a test') });
  const events: AuditEvent[] = [];
  const changedUsers: string[] = [];
  const endedKeys: string[] = [];
  const endedGrants: string[] = [];
  const keepsIdTokensOf = new Set<string>();
  const idTokensKept: SignInSite['idTokensKept'] = [];
  let passed = 0;
  let url = 'http://127.0.0.1';
  const now = (): number => Date.now() + passed;
  const sessions = createBrowserSessions({ db, secure: false, now });
  const signIn = createSignIn({
    db,
    vault,
    sessions,
    secure: false,
    now,
    audit: { record: (event) => void events.push(event) },
    log: pino({ level: process.env.LOG ?? 'silent' }),
    publicUrl: () => url,
    settings: () => ({ issuerPath: '', ...site.settings }),
    reveal: async (secret) => secret,
    addressOf: (request) => request.socket.remoteAddress ?? '',
    endGrant: async (id) => void endedGrants.push(id),
    onUserChanged(userId, ended) {
      changedUsers.push(userId);
      endedKeys.push(...(ended?.accessKeys ?? []).map(({ id }) => id));
    },
    keepIdToken: (provider) => keepsIdTokensOf.has(provider),
    onIdTokenKept: (provider, userId) => void idTokensKept.push([provider, userId]),
  });
  const server = createFastify();
  await server.register(signIn.routes);
  // Where people return to.
  server.get('/oauth/interaction/x', async (request) => ({
    user: (await sessions.read(request.raw))?.userName ?? null,
  }));
  await server.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  const site: SignInSite = {
    url,
    db,
    vault,
    sessions,
    signIn,
    events,
    changedUsers,
    endedKeys,
    endedGrants,
    settings: { identityProviders: [], localAccounts: true },
    keepsIdTokensOf,
    idTokensKept,
    later(milliseconds) {
      passed += milliseconds;
    },
    now,
    newUser: (name) =>
      insertUser(db, { tenantId: DEFAULT_TENANT, id: newId('usr'), name, displayName: name, createdAt: now() }),
    newBrowser: () => new Browser(url),
    async close() {
      await server.close();
      await db.destroy();
    },
  };
  return site;
}

/** A password's hash as it is stored, made and checked in no time. */
export function cheapHash(password: string): string {
  const salt = randomBytes(16);
  const encode = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
  return `$scrypt$ln=4,r=8,p=1$${encode(salt)}$${encode(scryptSync(password, salt, 32, { N: 16, r: 8, p: 1 }))}`;
}

export const providerSettings = (settings: Record<string, unknown>): IdentityProviderSettings =>
  IdentityProviderSchema.parse(settings);
