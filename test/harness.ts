import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { stringify } from 'yaml';
import { type App, startApp } from '../src/app/app.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { createFirstAccounts, type FirstAccounts, FULL_ACCESS } from '../src/identity/create-first-accounts.ts';
import { DEFAULT_TENANT } from '../src/model/principal.ts';
import type { RoleRule } from '../src/model/role.ts';
import { openDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import { updateRole } from '../src/store/roles.ts';

export interface TestGateway {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly ownerKey: string;
  readonly serviceKey: string;
  readonly dataDir: string;
  readonly app: App;
  /** Everything logged so far. */
  readonly logs: string[];
  /** Calls the admin API as the owner (or with another key) and returns status and parsed body. */
  admin(
    method: string,
    path: string,
    body?: unknown,
    options?: { key?: string; headers?: Record<string, string> },
  ): Promise<AdminAnswer>;
  close(): Promise<void>;
}

export interface AdminAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly body: any;
}

export interface TestGatewayOptions {
  /** As in toolgate.yaml; `listen.port` is 0 and the data folder a new one unless given. */
  readonly config?: Record<string, unknown>;
  readonly env?: Record<string, string>;
  /** An earlier gateway's folder, which is then kept at close(). */
  readonly dataDir?: string;
  /** What the role of the first accounts (and of anybody under `auth: none`) covers; everything by default. */
  readonly access?: { readonly allow: readonly RoleRule[]; readonly deny?: readonly RoleRule[] };
  /** Says that there is too much to do. A test and its gateway keep one event loop busy, so this is never found out there. */
  readonly isOverloaded?: () => boolean;
  /** Waits until these upstreams have been tried, however that went. All by default. */
  readonly ready?: readonly string[];
}

/** The real gateway in this process, on a free port, with an empty data folder of its own. */
export async function startToolgate(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'toolgate-test-')));
  const file = join(dataDir, 'toolgate.yaml');
  await writeFile(file, stringify({ listen: { port: 0 }, ...options.config }));
  const loaded = await loadConfig({ flags: { config: file, dataDir }, env: options.env ?? {}, cwd: dataDir });
  const logs: string[] = [];
  const firstKeys = options.dataDir === undefined ? await prepare(dataDir, options.access) : undefined;
  const app = await startApp(loaded, {
    logTo: { write: (line: string) => void logs.push(line) },
    env: options.env ?? {},
    version: 'test',
    shedder: {
      get overloaded() {
        return options.isOverloaded?.() ?? false;
      },
      stop() {},
    },
  });
  const ownerKey = firstKeys?.ownerKey.reveal() ?? '';
  const gateway: TestGateway = {
    url: app.url,
    ownerKey,
    serviceKey: firstKeys?.serviceKey.reveal() ?? '',
    dataDir,
    app,
    logs,
    async admin(method, path, body, { key = ownerKey, headers = {} } = {}) {
      const response = await fetch(`${app.url}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') && !text.includes('}\n{');
      return {
        status: response.status,
        headers: response.headers,
        body: isJson && text !== '' ? JSON.parse(text) : text,
      };
    },
    async close() {
      await app.close();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
  const waitsFor = ({ name }: { name: string }) => options.ready === undefined || options.ready.includes(name);
  while (app.upstreamStatus().some((status) => waitsFor(status) && status.state === 'starting')) await setTimeout(5);
  return gateway;
}

/** Makes the data folder's first accounts before the start, so that their keys are known and their role can be set. */
async function prepare(dataDir: string, access: TestGatewayOptions['access']): Promise<FirstAccounts> {
  const db = await openDatabase({ file: join(dataDir, 'toolgate.db') });
  await migrate(db);
  const accounts = await createFirstAccounts(db);
  const role = { tenantId: DEFAULT_TENANT, name: FULL_ACCESS };
  if (access !== undefined) await updateRole(db, role, 1, { allow: access.allow, deny: access.deny ?? [] });
  await db.destroy();
  return accounts!;
}
