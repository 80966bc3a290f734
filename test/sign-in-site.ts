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

/** The pages of signing in over real HTTP, with an empty database. */
export interface SignInSite {
  readonly url: string;
  readonly db: Database;
  readonly vault: Vault;
  readonly sessions: BrowserSessions;
  readonly signIn: SignInService;
  readonly events: AuditEvent[];
  readonly changedUsers: string[];
  /** May be replaced at any time. */
  settings: { identityProviders: IdentityProviderSettings[]; localAccounts: boolean };
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
    onUserChanged: (userId) => void changedUsers.push(userId),
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
    settings: { identityProviders: [], localAccounts: true },
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

export interface PageAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of a redirect, as it stands in the header. */
  readonly location: string | null;
  /** Where the page leads at once. */
  readonly onwards: string | null;
  readonly csrf: string;
  readonly alert: string | null;
}

/** As much of a browser as signing in needs: cookies by host, forms with their origin, redirects one by one. */
export class Browser {
  readonly #home: string;
  readonly jar = new Map<string, Map<string, string>>();

  constructor(home: string) {
    this.#home = home;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<PageAnswer> {
    return this.#send(path, { headers });
  }

  post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<PageAnswer> {
    const { origin } = new URL(path, this.#home);
    return this.#send(path, { method: 'POST', headers: { origin, ...headers }, body: new URLSearchParams(fields) });
  }

  /** Follows redirects, over any number of hosts, to the first answer that is none or lies below `until`. */
  async follow(path: string, until = 'nowhere:'): Promise<PageAnswer & { readonly url: string }> {
    let url = new URL(path, this.#home).href;
    for (let i = 0; i < 20; i++) {
      const answer = await this.get(url);
      if (answer.location === null) return { ...answer, url };
      url = new URL(answer.location, url).href;
      if (url.startsWith(until)) return { ...answer, url };
    }
    throw new Error(`Too many redirects, the last one to ${url}`);
  }

  cookie(name: string): string | undefined {
    return this.jar.get(new URL(this.#home).host)?.get(name);
  }

  async #send(path: string, init: RequestInit & { headers: Record<string, string> }): Promise<PageAnswer> {
    const url = new URL(path, this.#home);
    const cookies = this.jar.get(url.host) ?? new Map<string, string>();
    this.jar.set(url.host, cookies);
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { ...(cookie !== '' && { cookie }), ...init.headers },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(line)) cookies.delete(name!);
      else cookies.set(name!, value!);
    }
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      location: answer.headers.get('location'),
      onwards: unescapeHtml(/http-equiv="refresh" content="0; url=([^"]*)"/.exec(text)?.[1]),
      csrf: unescapeHtml(/name="csrf" value="([^"]*)"/.exec(text)?.[1]) ?? '',
      alert: unescapeHtml(/<p class="alert"[^>]*>([^<]*)</.exec(text)?.[1]),
    };
  }
}

const unescapeHtml = (text: string | undefined): string | null =>
  text === undefined
    ? null
    : text
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&amp;', '&');
