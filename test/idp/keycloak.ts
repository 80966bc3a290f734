import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../free-port.ts';
import { post } from '../oauth-client.ts';
import { acmeRealm, MCP_SCOPES, PASSWORD, TOKEN_CLIENTS } from './acme-realm.ts';
import { installKeycloak, say } from './install-keycloak.ts';
import { type KeycloakAdmin, keycloakAdmin } from './keycloak-admin.ts';

/** Twice what a busy machine with two cores needs. */
const PATIENCE_MS = 180_000;

export interface KeycloakTokens {
  readonly access_token: string;
  readonly id_token: string;
  readonly refresh_token: string;
}

export interface KeycloakOptions {
  /** As Keycloak imports it; the company's by default. */
  readonly realm?: { readonly realm: string };
  readonly clientScopes?: readonly object[];
  readonly clients?: readonly object[];
  /** Previews that are off in a Keycloak as it is installed. */
  readonly features?: readonly string[];
}

/** A real Keycloak with one realm in it. */
export interface Keycloak {
  /** `http://127.0.0.1:PORT/realms/REALM` */
  readonly issuer: string;
  readonly admin: KeycloakAdmin;
  /** What one of TOKEN_CLIENTS gets for a person. */
  tokens(clientId: string, username: string): Promise<KeycloakTokens>;
  /** Ends the process; the port and the data stay for `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Starts one on a free port, with an empty database of its own in a folder that is thrown away. */
export async function startKeycloak(options: KeycloakOptions = {}): Promise<Keycloak> {
  const { realm = acmeRealm(), clientScopes = MCP_SCOPES, clients = TOKEN_CLIENTS, features = [] } = options;
  const home = await installKeycloak();
  const data = await mkdtemp(join(tmpdir(), 'toolgate-keycloak-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const admin = keycloakAdmin(url, realm.realm);
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    const startedAt = performance.now();
    say('starting');
    server = run(home, data, port, features);
    await untilUp(server, url, join(data, 'log'));
    say(`up after ${Math.round((performance.now() - startedAt) / 1000)} s at ${url}`);
  }

  async function stop(): Promise<void> {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    // Its start script has Java as a child: the whole process group is meant.
    process.kill(-server.pid!, 'SIGTERM');
    await ended;
    say('stopped');
  }

  const keycloak: Keycloak = {
    issuer: `${url}/realms/${realm.realm}`,
    admin,
    async tokens(clientId, username) {
      const fields = { grant_type: 'password', client_id: clientId, scope: 'openid', username, password: PASSWORD };
      const answer = await post(`${keycloak.issuer}/protocol/openid-connect/token`, fields);
      if (answer.status !== 200) throw new Error(`Keycloak gives no tokens: ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    start,
    stop,
    async close() {
      await stop();
      await rm(data, { recursive: true, force: true });
    },
  };
  try {
    await start();
    await admin.createRealm(realm);
    for (const scope of clientScopes) await admin.addClientScope(scope);
    for (const client of clients) await admin.addClient(client);
  } catch (error) {
    await keycloak.close();
    throw error;
  }
  return keycloak;
}

function run(home: string, data: string, port: number, features: readonly string[]): ChildProcess {
  const { PATH = '', HOME = '', JAVA_HOME } = process.env;
  const child = spawn(
    join(home, 'bin/kc.sh'),
    [
      ...['start-dev', '--http-host', '127.0.0.1', '--http-port', String(port), '--cache=local'],
      ...(features.length > 0 ? [`--features=${features.join(',')}`] : []),
    ],
    {
      cwd: data,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...{ PATH, HOME, ...(JAVA_HOME !== undefined && { JAVA_HOME }) },
        KC_BOOTSTRAP_ADMIN_USERNAME: 'admin',
        KC_BOOTSTRAP_ADMIN_PASSWORD: 'admin',
        KC_DB_URL: `jdbc:h2:file:${join(data, 'database')};NON_KEYWORDS=VALUE;DB_CLOSE_ON_EXIT=0`,
        // It runs for a minute: compiling well costs more than it gives back.
        JAVA_OPTS_APPEND: '-XX:TieredStopAtLevel=1',
      },
    },
  );
  const log = createWriteStream(join(data, 'log'), { flags: 'a' });
  child.stdout!.pipe(log, { end: false });
  child.stderr!.pipe(log, { end: false });
  child.once('close', () => log.end());
  // A test process that dies must not leave a Java behind.
  const end = (): void => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL');
  };
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  return child;
}

async function untilUp(server: ChildProcess, url: string, log: string): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  while (performance.now() < until) {
    if (server.exitCode !== null) break;
    const answer = await fetch(`${url}/realms/master`).catch(() => null);
    if (answer?.ok) return;
    await sleep(250);
  }
  throw new Error(`Keycloak did not start: ${(await readFile(log, 'utf8')).slice(-3000)}`);
}
