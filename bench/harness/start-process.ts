import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Commands, OwnCommands, Usage } from './commands.ts';

export interface BenchProcess<C extends Commands> {
  readonly pid: number;
  /** Rejects with the error of the other side, and when the process is gone. */
  ask<N extends keyof C & string>(command: N, ...argument: Parameters<C[N]>): Promise<Awaited<ReturnType<C[N]>>>;
  usage(): Promise<Usage>;
  rested(): Promise<Usage>;
  /** Lets it end by itself (`process.exit`), so that it can write a CPU profile; after 10 s it is killed. */
  stop(): Promise<void>;
}

export interface ProcessOptions {
  /** Arrives as JSON in `process.argv[2]`. */
  readonly argument?: unknown;
  readonly nodeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Which half of the processors to run on, where that can be chosen. */
  readonly half?: 'served' | 'serving';
}

const BENCH = join(import.meta.dirname, '..');
const STOP_MS = 10_000;
const running = new Set<ChildProcess>();

/** Starts a file of the bench in a process of its own and waits until it serves commands. */
export async function startProcess<C extends Commands>(
  file: string,
  options: ProcessOptions = {},
): Promise<BenchProcess<C>> {
  const node = [
    process.execPath,
    ...(options.nodeFlags ?? []),
    join(BENCH, file),
    JSON.stringify(options.argument ?? {}),
  ];
  const [command, ...args] = [...pinTo(options.half), ...node];
  const child = spawn(command!, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
    env: { ...process.env, ...options.env },
  });
  running.add(child);
  let lastId = 0;
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  const answer = (id: number) => new Promise<never>((resolve, reject) => void waiting.set(id, { resolve, reject }));
  const gone = new Promise<void>((resolve) => {
    child.on('exit', (code, signal) => {
      running.delete(child);
      for (const { reject } of waiting.values()) reject(new Error(`bench/${file} ended (${signal ?? code})`));
      waiting.clear();
      resolve();
    });
  });
  child.on('error', (error) => waiting.get(0)?.reject(error));
  child.on('message', ({ id, value, error }: { id: number; value: never; error?: string }) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asked?.resolve(value);
    else asked?.reject(new Error(`bench/${file}: ${error}`));
  });
  await answer(0);
  const ask = (command: string, argument?: unknown): Promise<never> => {
    const id = ++lastId;
    if (!child.connected) return Promise.reject(new Error(`bench/${file} has ended`));
    const answered = answer(id);
    child.send({ id, command, argument });
    return answered;
  };
  return {
    pid: child.pid!,
    ask,
    usage: () => ask('usage' satisfies keyof OwnCommands),
    rested: () => ask('rested' satisfies keyof OwnCommands),
    async stop() {
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await gone;
      clearTimeout(timer);
    },
  };
}

/** Kills whatever of the bench's own processes is left. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/**
 * With one half of the processors for the server that is measured and the other for what calls it and what it calls,
 * neither waits for the other, and a server that needs more CPU shows as one that serves fewer calls.
 */
function pinTo(half: ProcessOptions['half']): readonly string[] {
  const processors = availableParallelism();
  if (half === undefined || processors < 2 || !canPin()) return [];
  const middle = processors >> 1;
  const range = half === 'served' ? [0, middle - 1] : [middle, processors - 1];
  return ['taskset', '-c', range.join('-')];
}

let pins: boolean | undefined;

export function canPin(): boolean {
  pins ??= spawnSync('taskset', ['-c', '0', 'true']).status === 0;
  return pins;
}
