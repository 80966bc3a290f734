import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { stringify } from 'yaml';
import type { AdminAnswer } from './harness.ts';

const MAIN = resolve(import.meta.dirname, '../src/main.ts');
/** Longer than any step of a test takes, on a busy machine, too. */
const PATIENCE_MS = 30_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The program, started for real. */
export interface Program {
  readonly child: ChildProcess;
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Both together, in the order of their arrival. */
  output(): string;
  readonly exited: Promise<Exit>;
}

export interface ProgramOptions {
  /** A script for this Node; the sources' `main.ts` unless given. */
  readonly main?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Runs it as this user and group. */
  readonly uid?: number;
}

/** Runs `toolgate` with these arguments, in an environment of its own; killed after the test if it still runs. */
export function runToolgate(t: TestContext, args: readonly string[], options: ProgramOptions = {}): Program {
  const { main = MAIN, env = {}, cwd = tmpdir(), uid } = options;
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { PATH: `${dirname(process.execPath)}:${process.env.PATH}`, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid !== undefined && { uid, gid: uid }),
  });
  const chunks = { stdout: '', stderr: '', both: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk) => {
      chunks[name] += chunk;
      chunks.both += chunk;
    });
  }
  const exited = new Promise<Exit>((done) => {
    child.on('close', (code, signal) => done({ code, signal }));
  });
  t.after(() => {
    child.kill('SIGKILL');
    return exited;
  });
  return {
    child,
    pid: child.pid!,
    stdout: () => chunks.stdout,
    stderr: () => chunks.stderr,
    output: () => chunks.both,
    exited,
  };
}

export interface GatewayProcess extends Program {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Printed at the very first start of the data folder only. */
  readonly ownerKey: string | undefined;
  readonly serviceKey: string | undefined;
  admin(method: string, path: string, body?: unknown): Promise<AdminAnswer>;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
}

export interface ServeOptions extends ProgramOptions {
  readonly dataDir: string;
  /** As in toolgate.yaml; written beside the data folder, with port 0 unless it names one. Null keeps what was written. */
  readonly config?: Readonly<Record<string, unknown>> | null;
  /** The owner's key of an earlier start, for `admin`. */
  readonly ownerKey?: string | undefined;
  readonly args?: readonly string[];
}

/** Where `serveToolgate` puts the configuration of a data folder. */
export const configFileOf = (dataDir: string): string => `${dataDir}.yaml`;

/** Replaces it in one step, as an editor does: a gateway that reads it meanwhile never meets half of it. */
export async function writeConfig(dataDir: string, config: object): Promise<void> {
  const draft = `${configFileOf(dataDir)}.new`;
  await writeFile(draft, stringify({ listen: { port: 0 }, ...config }));
  await rename(draft, configFileOf(dataDir));
}

/** Starts `toolgate serve` and waits until it is ready. Fails with its output when it ends instead. */
export async function serveToolgate(t: TestContext, options: ServeOptions): Promise<GatewayProcess> {
  const { dataDir, config = {}, args = [] } = options;
  if (config !== null) await writeConfig(dataDir, config);
  const program = runToolgate(
    t,
    ['serve', '--json', '--config', configFileOf(dataDir), '--data-dir', dataDir, ...args],
    options,
  );
  const ready = new Promise<string>((done) => {
    program.child.stdout!.on('data', () => {
      if (program.stdout().includes('\n')) done(program.stdout().split('\n')[0]!);
    });
  });
  const line = await Promise.race([ready, program.exited.then(({ code }) => `ended with ${code}`)]);
  assert.ok(line.startsWith('{'), `${line}\n${program.output()}`);
  const { url, ownerKey = options.ownerKey, serviceKey } = JSON.parse(line);
  return {
    ...program,
    url,
    ownerKey,
    serviceKey,
    admin: (method, path, body) => adminRequest(url, ownerKey, method, path, body),
    stop(signal = 'SIGTERM') {
      program.child.kill(signal);
      return program.exited;
    },
  };
}

async function adminRequest(url: string, key: string, method: string, path: string, body?: unknown) {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /\bjson$|\+json/.test(response.headers.get('content-type')?.split(';')[0] ?? '');
  return { status: response.status, headers: response.headers, body: isJson && text !== '' ? JSON.parse(text) : text };
}

/** A path for a data folder that does not exist yet, in a folder that is removed after the test. */
export async function newDataDir(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'toolgate-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'data');
}

/** Waits until `condition` holds, looking every few milliseconds. */
export async function until(what: string, condition: () => unknown): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; ) {
    if (await condition()) return;
    await new Promise((done) => setTimeout(done, 10));
  }
  assert.fail(`never: ${what}`);
}
