import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastify as createFastify } from 'fastify';
import {
  type AuthorizationServer,
  createAuthorizationServer,
} from '../src/authorization-server/authorization-server.ts';
import type { AuthorizationServerOptions, ResourceView } from '../src/authorization-server/context.ts';
import { OauthSchema } from '../src/config/oauth-schema.ts';
import { createLogger } from '../src/http/logger.ts';
import { createBrowserSessions } from '../src/identity/browser-sessions.ts';
import { createFormGuard } from '../src/identity/form-guard.ts';
import { newId } from '../src/lib/ids.ts';
import type { AuditEvent } from '../src/model/audit-event.ts';
import { DEFAULT_TENANT } from '../src/model/principal.ts';
import { type Database, openDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import { insertServiceAccount, type ServiceAccount } from '../src/store/service-accounts.ts';
import { insertUser, type User } from '../src/store/users.ts';
import { openSigningKeys, type SigningKeys } from '../src/tokens/signing-keys.ts';
import { type MasterKey, parseMasterKey } from '../src/vault/master-key.ts';
import { openVault } from '../src/vault/vault.ts';

export interface TestAuthorizationServer {
  /** Where it listens; what it calls itself, unless it is a replica. */
  readonly url: string;
  readonly folder: string;
  readonly masterKey: MasterKey;
  /** Milliseconds that its clock is ahead of the real one. The library's own does not follow. */
  readonly clock: { ahead: number };
  readonly db: Database;
  readonly server: AuthorizationServer;
  readonly signingKeys: SigningKeys;
  readonly events: readonly AuditEvent[];
  readonly logs: readonly string[];
  /** Ids of the grants that the resource server was told of. */
  readonly revoked: readonly string[];
  addUser(name: string): Promise<User>;
  addServiceAccount(name: string): Promise<ServiceAccount>;
  close(): Promise<void>;
}

const ALL = [
  { name: 'jira', title: 'Jira' },
  { name: 'wiki', title: 'Wiki' },
];

const resourceAt = (path: string): ResourceView | null => {
  if (path === '/mcp') return { title: 'All servers', upstreams: ALL };
  const upstreams = ALL.filter(({ name }) => path === `/mcp/${name}`);
  return upstreams.length === 0 ? null : { title: upstreams[0]!.title, upstreams };
};

export interface TestAuthorizationServerOptions {
  /** As under `oauth` in toolgate.yaml. */
  readonly oauth?: Record<string, unknown>;
  readonly options?: Partial<AuthorizationServerOptions>;
  /** It is not told of other signing keys, as if it were just about to be. */
  readonly isUnawareOfKeys?: boolean;
  /** Another one with the same data: a replica. Its address differs, its `publicUrl` does not. */
  readonly replicaOf?: TestAuthorizationServer;
}

/** The real authorization server on a port of its own, with real SQLite, and `/test/sign-in` instead of the sign-in page. */
export async function startAuthorizationServer(
  given: TestAuthorizationServerOptions = {},
): Promise<TestAuthorizationServer> {
  const { replicaOf } = given;
  const folder = replicaOf?.folder ?? (await mkdtemp(join(tmpdir(), 'toolgate-oauth-')));
  const masterKey = replicaOf?.masterKey ?? parseMasterKey(randomBytes(32).toString('base64'), 'the test');
  const db = await openDatabase({ file: join(folder, 'toolgate.db') });
  await migrate(db);
  const vault = await openVault({ db, masterKey });
  const clock = replicaOf?.clock ?? { ahead: 0 };
  const now = () => Date.now() + clock.ahead;
  const signingKeys = await openSigningKeys({ db, vault, now });
  const events: AuditEvent[] = [];
  const logs: string[] = [];
  const revoked: string[] = [];
  let address = '';
  const publicUrl = () => replicaOf?.url ?? address;
  const browserSessions = createBrowserSessions({ db, secure: false, now });
  const server = await createAuthorizationServer({
    publicUrl,
    settings: OauthSchema.parse(given.oauth ?? {}),
    secretOf: async (template) => template,
    db,
    vault,
    audit: { record: (event) => void events.push(event) },
    log: createLogger('info', { write: (line: string) => void logs.push(line) }),
    signingKeys: given.isUnawareOfKeys ? { ...signingKeys, onRotated: () => () => {} } : signingKeys,
    browserSessions,
    formGuard: createFormGuard({ secure: false, publicUrl, sessionCookie: browserSessions.cookieOf }),
    resourceAt,
    accountOf: async () => null,
    addressOf: (request) => request.socket.remoteAddress ?? '',
    onGrantRevoked: (id) => void revoked.push(id),
    now,
    ...given.options,
  });

  const tenantId = DEFAULT_TENANT;
  const fastify = createFastify({ genReqId: () => newId('req') });
  await fastify.register(server.routes);
  fastify.get('/test/sign-in', async (request, reply) => {
    const { name, provider, sid = null } = request.query as { name: string; provider?: string; sid?: string };
    const user = await db.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirstOrThrow();
    const from = provider === undefined ? undefined : { name: provider, sessionId: sid, idToken: null };
    const signIn = { user, methods: ['pwd'], address: '127.0.0.1', request: request.raw, provider: from };
    await browserSessions.start(reply, signIn);
    return reply.send('signed in');
  });
  await fastify.listen({ host: '127.0.0.1', port: 0 });
  address = `http://127.0.0.1:${(fastify.server.address() as AddressInfo).port}`;

  return {
    url: address,
    folder,
    masterKey,
    clock,
    db,
    server,
    signingKeys,
    events,
    logs,
    revoked,
    addUser: (name: string) =>
      insertUser(db, { tenantId, id: newId('usr'), name, displayName: name, createdAt: now() }),
    addServiceAccount: (name: string) =>
      insertServiceAccount(db, { tenantId, id: newId('sva'), name, description: '', createdAt: now() }),
    async close() {
      server.close();
      fastify.server.closeAllConnections();
      await fastify.close();
      await db.destroy();
      if (replicaOf === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
