import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const MAIN = resolve(import.meta.dirname, '../../src/main.ts');
const START_MS = 15_000;

/** What `toolgate serve --json` says when it is ready. */
export interface Ready {
  readonly url: string;
  readonly endpoint: string;
  readonly dataDir: string;
  readonly ownerKey: string;
  readonly readyMs: number;
}

export interface CommandResult {
  readonly code: number;
  /** Standard output, then standard error. */
  readonly output: string;
}

/** A folder that nobody else uses, and the programs that run in it. */
export interface Stage {
  readonly folder: string;
  /** The real command: `toolgate serve`. */
  startGateway(): Promise<Ready>;
  /** The real command line, with the owner's key. */
  toolgate(args: readonly string[], extraEnv?: Readonly<Record<string, string>>): Promise<CommandResult>;
  /** The end of the gateway's log, for when something went wrong. */
  lastLog(): string;
  /** Whether any file of the gateway's data folder holds the text. */
  holds(text: string): Promise<boolean>;
  /** Ends everything and removes the folder. May be called twice. */
  close(): Promise<void>;
}

export async function createStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'toolgate-demo-'));
  const log: string[] = [];
  const running = new Set<ChildProcess>();
  let env = ownEnvironment();
  let closing: Promise<void> | undefined;

  const dataDir = join(folder, 'data');

  function run(args: readonly string[], extraEnv: Readonly<Record<string, string>> = {}) {
    if (closing !== undefined) throw new Error('The demo was interrupted.');
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env: { ...env, ...extraEnv } });
    running.add(child);
    const exited = new Promise<number>((done) => child.once('close', (code) => done(code ?? 1)));
    void exited.then(() => running.delete(child));
    return { child, exited };
  }

  async function startGateway(): Promise<Ready> {
    const begun = performance.now();
    const { child, exited } = run(['serve', '--json', '--port', '0', '--data-dir', dataDir]);
    createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
    const late = setTimeout(() => child.kill(), START_MS);
    const line = await new Promise<string>((found, failed) => {
      createInterface({ input: child.stdout }).once('line', found);
      void exited.then((code) => failed(new Error(`The gateway ended with exit code ${code} before it was ready.`)));
    }).finally(() => clearTimeout(late));
    const ready = JSON.parse(line) as Omit<Ready, 'readyMs'>;
    env = { ...env, TOOLGATE_URL: ready.url, TOOLGATE_KEY: ready.ownerKey };
    return { ...ready, readyMs: performance.now() - begun };
  }

  async function toolgate(
    args: readonly string[],
    extraEnv?: Readonly<Record<string, string>>,
  ): Promise<CommandResult> {
    const { child, exited } = run(args, extraEnv);
    const printed: Buffer[] = [];
    const complained: Buffer[] = [];
    child.stdout.on('data', (chunk) => printed.push(chunk));
    child.stderr.on('data', (chunk) => complained.push(chunk));
    child.stdin.end();
    const code = await exited;
    return { code, output: Buffer.concat([...printed, ...complained]).toString() };
  }

  async function end(): Promise<void> {
    const children = [...running];
    await Promise.all(
      children.map((child) => {
        const ended = new Promise((done) => child.once('close', done));
        child.kill();
        return ended;
      }),
    );
    await rm(folder, { recursive: true, force: true });
  }

  return {
    folder,
    startGateway,
    toolgate,
    lastLog: () => log.slice(-5).join('\n'),
    async holds(text) {
      const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
      for (const entry of entries) {
        if (entry.isFile() && (await readFile(join(entry.parentPath, entry.name))).includes(text)) return true;
      }
      return false;
    },
    close: () => (closing ??= end()),
  };
}

/** Without the settings of a gateway that somebody runs already. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TOOLGATE_')));
}
