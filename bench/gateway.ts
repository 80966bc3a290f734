/** The gateway itself, from source, in a process of its own, with accounts and keys put straight into its data folder. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { stringify } from 'yaml';
import { startApp } from '../src/app/app.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { verifyPassword } from '../src/identity/password-hash.ts';
import { openDatabase } from '../src/store/database.ts';
import { loadMasterKey } from '../src/vault/load-master-key.ts';
import { openVault } from '../src/vault/vault.ts';
import { serveCommands } from './harness/commands.ts';
import { accountName, createKeys } from './harness/create-keys.ts';
import { createPeople } from './harness/create-people.ts';
import { oauthSettings, PASSWORD, TRUSTED_PROXY } from './harness/fixture-accounts.ts';
import { ALLOWED_GLOB } from './harness/fixture-tools.ts';
import { signTokens } from './harness/sign-tokens.ts';

export interface GatewayOptions {
  /** An empty folder; whoever made it removes it. */
  readonly dataDir: string;
  readonly upstreamPort: number;
  readonly auditMode: 'async' | 'strict';
  /** How many access keys to make. */
  readonly keys: number;
  /** How many people can sign in. With any, a machine can get tokens, too. */
  readonly people: number;
}

const ROLE = 'bench';
const UPSTREAM_KEY = 'upstream-key-of-the-bench';
const UPSTREAMS = ['echo', 'sse', 'slow', 'list'];

const { dataDir, upstreamPort, auditMode, keys: keyCount, people } = JSON.parse(process.argv[2]!) as GatewayOptions;

const file = join(dataDir, 'toolgate.yaml');
const settings = {
  listen: { port: 0 },
  audit: { mode: auditMode },
  limits: { maxSessionsPerPrincipal: 10_000, connectionsPerAddress: 10_000 },
  log: { level: 'fatal' },
  ...(people > 0 && { trustedProxies: [TRUSTED_PROXY], oauth: oauthSettings(accountName(0)) }),
  upstreams: UPSTREAMS.map((name) => ({
    name,
    url: `http://127.0.0.1:${upstreamPort}/${name}`,
    maxConcurrent: 4_000,
    auth: { headers: { authorization: `Bearer \${env:UPSTREAM_KEY}` } },
  })),
  roles: [
    {
      name: ROLE,
      allow: [
        { upstream: 'list', tools: [ALLOWED_GLOB] },
        ...UPSTREAMS.slice(0, 3).map((upstream) => ({ upstream, tools: ['echo'] })),
      ],
    },
  ],
};
writeFileSync(file, stringify(settings));

const database = join(dataDir, 'toolgate.db');
const keys = await createKeys(database, ROLE, keyCount);
const passwordHash = people > 0 ? await createPeople(database, ROLE, people) : null;
const env = { UPSTREAM_KEY };
const app = await startApp(await loadConfig({ flags: { config: file, dataDir }, env, cwd: dataDir }), {
  env,
  version: 'bench',
});
while (app.upstreamStatus().some(({ state }) => state === 'starting'))
  await new Promise((resolve) => setTimeout(resolve, 5));
const down = app.upstreamStatus().find(({ state }) => state !== 'ready');
if (down !== undefined) throw new Error(`upstream ${down.name} is ${down.state}: ${down.lastError?.message}`);

let auditLock: DatabaseSync | undefined;

const commands = {
  port: () => Number(new URL(app.url).port),
  keys: () => keys,
  /** Access tokens for the echo upstream. */
  async tokens(count: number): Promise<string[]> {
    const db = await openDatabase({ file: database });
    try {
      const vault = await openVault({ db, masterKey: await loadMasterKey({ file: join(dataDir, 'master.key') }) });
      return await signTokens({ db, vault, role: ROLE, issuer: app.url, resource: `${app.url}/mcp/echo`, count });
    } finally {
      await db.destroy();
    }
  },
  /** How long this process takes for one password, in milliseconds. */
  async passwordMs(): Promise<number> {
    const from = performance.now();
    if (!(await verifyPassword(PASSWORD, passwordHash))) throw new Error('The password is wrong.');
    return performance.now() - from;
  },
  /** From now on the audit log's disk does not answer: somebody else holds the lock of its database. */
  lockAudit(): void {
    auditLock = new DatabaseSync(join(dataDir, 'audit.db'));
    auditLock.exec('BEGIN IMMEDIATE');
  },
  unlockAudit(): void {
    auditLock?.exec('ROLLBACK');
    auditLock?.close();
  },
};

export type GatewayCommands = typeof commands;

serveCommands(commands, () => app.close(0));
