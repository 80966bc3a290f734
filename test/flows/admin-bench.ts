import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FastifyInstance, fastify } from 'fastify';
import { ADMIN_SERVER_OPTIONS, createAdminApi } from '../../src/admin/admin-api.ts';
import type { AdminContext, Change } from '../../src/admin/admin-context.ts';
import { findRoute } from '../../src/admin/find-route.ts';
import { ADMIN_ROUTES } from '../../src/admin/openapi.ts';
import type { Route } from '../../src/admin/routes.ts';
import { upstreamOf } from '../../src/admin/upstream-view.ts';
import { openAudit } from '../../src/audit/open-audit.ts';
import { createOriginCheck } from '../../src/http/host-origin.ts';
import { createLogger } from '../../src/http/logger.ts';
import { newId } from '../../src/lib/ids.ts';
import { Secret } from '../../src/lib/secret.ts';
import { DEFAULT_TENANT, type PrincipalKind } from '../../src/model/principal.ts';
import type { Role } from '../../src/model/role.ts';
import type { Upstream } from '../../src/model/upstream.ts';
import { createDecisionTable } from '../../src/policy/decision-table.ts';
import { explain } from '../../src/policy/explain.ts';
import { createPolicyEngine } from '../../src/policy/policy-engine.ts';
import { validateRoles } from '../../src/policy/validate-roles.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { assignRole } from '../../src/store/role-assignments.ts';
import { allRoles } from '../../src/store/roles.ts';
import { insertServiceAccount } from '../../src/store/service-accounts.ts';
import { insertTenant } from '../../src/store/tenants.ts';
import { allUpstreams } from '../../src/store/upstreams.ts';
import { insertUser } from '../../src/store/users.ts';
import { createKey, type KeyRequest } from '../../src/tokens/create-key.ts';
import { createKeyVerifier } from '../../src/tokens/key-verifier.ts';
import { createConnections } from '../../src/upstreams/oauth/connections.ts';
import { openCredentials } from '../../src/upstreams/resolve-credential.ts';
import { createUpstreams } from '../../src/upstreams/upstreams.ts';
import { loadMasterKey } from '../../src/vault/load-master-key.ts';
import { openVault } from '../../src/vault/vault.ts';
import { noTokens } from '../fakes/upstream-call.ts';

const PUBLIC_URL = 'https://gate.example.com';

export interface CallOptions {
  /** The owner's when absent; null for none. */
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
  /** Sent as it is. */
  readonly rawBody?: string;
}

export interface CallAnswer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly etag: string;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly body: any;
}

export interface Actor {
  readonly kind: PrincipalKind;
  readonly id: string;
  readonly keyId: string;
  readonly key: string;
}

export type AdminBench = Awaited<ReturnType<typeof openAdminBench>>;

export const OTHER_TENANT = 'other';

const FILE_UPSTREAM: Upstream = {
  name: 'from-file',
  source: 'file',
  transport: 'http',
  // Port 9 (discard) answers nobody.
  url: 'http://127.0.0.1:9/mcp',
  enabled: false,
  timeoutMs: 1000,
  maxConcurrent: 4,
  forwardHeaders: [],
  audit: { response: 'hash', redact: [] },
  auth: { kind: 'headers', names: ['Authorization'] },
  identityHeader: null,
};
const FILE_ROLE: Role = { name: 'file-role', description: 'Stands in the file.', allow: [{ upstream: '*' }], deny: [] };

/** Adds a principal with a role and a key, past the API. */
export async function addActor(
  db: Database,
  tenantId: string,
  kind: PrincipalKind,
  name: string,
  roles: readonly string[],
  limits: Partial<KeyRequest> = {},
): Promise<Actor> {
  const createdAt = Date.now();
  const id = newId(kind === 'user' ? 'usr' : 'sva');
  if (kind === 'user') await insertUser(db, { tenantId, id, name, displayName: '', createdAt });
  else await insertServiceAccount(db, { tenantId, id, name, description: '', createdAt });
  for (const role of roles) await assignRole(db, { tenantId, role, subject: { kind, id } });
  const issued = await createKey(db, {
    tenantId,
    owner: { kind, id },
    name: `${name} key`,
    expiresAt: null,
    ...limits,
  });
  return { kind, id, keyId: issued.key.id, key: issued.secret.reveal() };
}

/** What an answer holds must be what the API document says, no member more: a leak would be one. */
function checkAgainstDocument(route: Route, status: number, body: unknown): void {
  const { answer } = route;
  if (status !== answer.status || answer.schema === undefined) return;
  assert.deepEqual(answer.schema.parse(body), body, `${route.operationId} answers as it is documented`);
}

/**
 * The admin API on a real store, vault, audit log, verifier, policy and upstream registry in a folder of its own, wired as
 * in the application but called without a network. Two tenants, since the application has only one yet.
 */
export async function openAdminBench({ signIn = null }: Partial<Pick<AdminContext, 'signIn'>> = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), 'toolgate-admin-'));
  const logs: string[] = [];
  const log = createLogger('debug', { write: (line: string) => void logs.push(line) });
  const db = await openDatabase({ file: join(dataDir, 'toolgate.db') });
  await migrate(db);
  await insertTenant(db, { id: OTHER_TENANT, name: 'Other', createdAt: Date.now() });
  const vault = await openVault({ db, masterKey: await loadMasterKey({ file: join(dataDir, 'master.key') }) });
  const audit = await openAudit({
    file: join(dataDir, 'audit.db'),
    signingKeyFile: join(dataDir, 'audit.key'),
    mode: 'async',
  });
  const verifier = createKeyVerifier({ db });
  const credentials = openCredentials({ vault, env: {}, connections: noTokens, machine: noTokens });
  const fileUpstreams = [FILE_UPSTREAM];
  const fileRoles = [FILE_ROLE];
  const rolesNow = async () => [...fileRoles, ...(await allRoles(db, DEFAULT_TENANT))];
  const upstreamsNow = async () => [...fileUpstreams, ...(await allUpstreams(db, DEFAULT_TENANT)).map(upstreamOf)];
  const engine = createPolicyEngine({ roles: await rolesNow() });
  const table = createDecisionTable(engine);
  const upstreams = createUpstreams({
    upstreams: await upstreamsNow(),
    credentialOf: credentials.of,
    findProvider: async () => 'It was found.',
    references: credentials.references,
    log,
    clientInfo: { name: 'toolgate', version: 'test' },
  });
  const changes: Change[] = [];

  const context: AdminContext = {
    db,
    vault,
    audit,
    verifyKey: verifier.verify,
    signIn,
    addressOf: (request) => request.socket.remoteAddress ?? '',
    checkOrigin: createOriginCheck({
      publicUrl: PUBLIC_URL,
      listenPort: 8420,
      allowedHosts: [],
      allowedOrigins: ['https://console.example.com'],
    }),
    upstreams,
    connections: createConnections({
      ...{ db, vault, audit, log },
      publicUrl: () => PUBLIC_URL,
      upstream: () => FILE_UPSTREAM,
      secretOf: async () => null,
      linkKey: new Secret('k'.repeat(43)),
      fetchFor: () => fetch,
      onChange() {},
    }),
    machineTokens: { health: () => new Map() },
    publicUrl: PUBLIC_URL,
    policy: { validateRoles, explain: (...asked) => explain(engine, table, ...asked) },
    fileUpstreams,
    vaultReferences: [{ upstream: FILE_UPSTREAM.name, name: 'GITHUB_TOKEN' }],
    fileRoles,
    log,
    version: 'test',
    async changed(change) {
      changes.push(change);
      if (change.kind === 'upstreams') await upstreams.replace(await upstreamsNow());
      else if (change.kind === 'roles') engine.replace(await rolesNow());
      else if (change.kind === 'assignments') verifier.invalidateAll();
      else if (change.kind === 'key-changed') verifier.invalidateKey(change.keyId);
      else if (change.kind === 'key-revoked') verifier.revokeKey(change.keyId);
      else if (change.kind === 'principal-changed') {
        if (change.disabled) verifier.revokePrincipal(change.id);
        else verifier.invalidatePrincipal(change.id);
      }
    },
  };
  const server: FastifyInstance = fastify({ ...ADMIN_SERVER_OPTIONS, genReqId: () => newId('req') });
  await server.register(createAdminApi(context), { prefix: '/api/v1' });

  const owner = await addActor(db, DEFAULT_TENANT, 'user', 'olivia', ['owner']);
  const admin = await addActor(db, DEFAULT_TENANT, 'user', 'adam', ['admin']);
  const member = await addActor(db, DEFAULT_TENANT, 'user', 'mia', ['file-role']);
  const machine = await addActor(db, DEFAULT_TENANT, 'service_account', 'ci', ['file-role']);
  const stranger = await addActor(db, OTHER_TENANT, 'user', 'olivia', ['owner']);

  async function call(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<CallAnswer> {
    const key = options.key === undefined ? owner.key : options.key;
    const payload = options.rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await server.inject({
      method: method as 'GET',
      url: `/api/v1${path}`,
      headers: {
        ...(key !== null && { authorization: `Bearer ${key}` }),
        ...(payload !== undefined && { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(payload !== undefined && { payload }),
    });
    const json = /[/+]json$/.test(String(response.headers['content-type']).split(';')[0]!) && response.payload !== '';
    const parsed = json ? JSON.parse(response.payload) : undefined;
    const pathname = path.split('?')[0]!;
    const route = findRoute(ADMIN_ROUTES, method, pathname)?.route;
    if (route !== undefined && json && method !== 'HEAD') checkAgainstDocument(route, response.statusCode, parsed);
    const { headers, statusCode: status, payload: text } = response;
    return { status, headers, etag: String(headers.etag ?? ''), text, body: parsed };
  }

  return {
    dataDir,
    db,
    vault,
    audit,
    verifier,
    context,
    server,
    logs,
    changes,
    ...{ owner, admin, member, machine, stranger },
    call,
    /** Who the key belongs to, or the code of the refusal. */
    async accepts(key: string): Promise<boolean> {
      return (await call('GET', '/whoami', undefined, { key })).status === 200;
    },
    async close(): Promise<void> {
      await server.close();
      await upstreams.close();
      await audit.close();
      await db.destroy();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
