import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';

/** After this a test fails that waits for something to be printed. */
const PATIENCE_MS = 60_000;
export const MAIN = resolve(import.meta.dirname, '../../src/main.ts');

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Of standard output with `--json`. */
  // biome-ignore lint/suspicious/noExplicitAny: commands answer in many shapes
  readonly json: any;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** What runs, so that a test that fails leaves nothing behind. */
const running = new Set<ChildProcess>();

/** A folder of its own. Removing it ends what still runs. */
export async function createFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'toolgate-cli-'));
  return {
    path,
    async remove() {
      for (const child of running) {
        child.kill('SIGKILL');
        await once(child, 'close');
      }
      await rm(path, { recursive: true, force: true });
    },
  };
}

function start(args: readonly string[], { cwd, env = {} }: CliOptions): ChildProcess {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { PATH, HOME, ...env }, stdio: 'pipe' });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

function collected(child: ChildProcess): { stdout: string; stderr: string } {
  const text = { stdout: '', stderr: '' };
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
  return text;
}

/** Runs the real program to its end. */
export async function toolgate(args: readonly string[], options: CliOptions): Promise<CliRun> {
  const child = start(args, options);
  const text = collected(child);
  child.stdin!.end(options.input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return {
    code,
    ...text,
    get json() {
      return JSON.parse(text.stdout);
    },
  };
}

export interface Serving {
  readonly child: ChildProcess;
  /** What was printed so far. */
  readonly text: { stdout: string; stderr: string };
  /** Waits until standard output or error matches. Throws when the program ends before. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends the signal and resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Runs a program that goes on until it is stopped, such as `serve`. */
export function startToolgateProcess(args: readonly string[], options: CliOptions): Serving {
  const child = start(args, options);
  const text = collected(child);
  const closed = once(child, 'close') as Promise<[number | null]>;
  const ended = closed.then(() => 'ended' as const);
  return {
    child,
    text,
    async until(pattern) {
      const late = sleep(PATIENCE_MS, 'late' as const, { ref: false });
      for (;;) {
        const found = pattern.exec(stripVTControlCharacters(text.stdout)) ?? pattern.exec(text.stderr);
        if (found) return found;
        const more = await Promise.race([once(child.stdout!, 'data'), once(child.stderr!, 'data'), ended, late]);
        if (more === 'ended' || more === 'late') {
          throw new Error(
            `toolgate ${more === 'late' ? 'still runs without' : 'ended before'} ${pattern}: ${text.stdout}${text.stderr}`,
          );
        }
      }
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return (await closed)[0];
    },
  };
}

export interface CliGateway extends Serving {
  readonly url: string;
  readonly ownerKey: string;
  readonly serviceKey: string;
  readonly dataDir: string;
  /** Runs a command against it, as the owner. */
  run(args: readonly string[], options?: { input?: string; env?: Record<string, string> }): Promise<CliRun>;
}

/** `toolgate serve` on a free port in this folder. At a first start with the keys that it printed. */
export async function serveIn(cwd: string, args: readonly string[] = []): Promise<CliGateway> {
  const serving = startToolgateProcess(['serve', '--port', '0', '--json', ...args], { cwd });
  const [line] = await serving.until(/^\{"ready":true.*\}$/m);
  const { url, ownerKey = '', serviceKey = '', dataDir } = JSON.parse(line);
  return {
    ...serving,
    ...{ url, ownerKey, serviceKey, dataDir },
    run: (words, { input, env } = {}) =>
      toolgate(words, {
        cwd,
        env: { TOOLGATE_URL: url, TOOLGATE_KEY: ownerKey, ...env },
        ...(input !== undefined && { input }),
      }),
  };
}
