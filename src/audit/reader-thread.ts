import type { Worker } from 'node:worker_threads';
import type { ReaderCalls, ReaderCommand, ReaderReply } from './reader-worker.ts';
import { startThread } from './start-thread.ts';

/** A thread that nobody asks anything is ended after so long: it costs some megabytes. */
const IDLE_MS = 30_000;

type Call = <C extends keyof ReaderCalls>(
  call: C,
  ...args: Parameters<ReaderCalls[C]>
) => Promise<ReturnType<ReaderCalls[C]>>;

/** Runs reads of the log in a thread that is started by the first one. */
export function createReaderThread(file: string) {
  let worker: Worker | null = null;
  let idle: NodeJS.Timeout | undefined;
  let nextId = 0;
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();

  async function stop(): Promise<void> {
    clearTimeout(idle);
    const running = worker;
    worker = null;
    await running?.terminate();
  }

  function start(): Worker {
    const started = startThread('reader-worker', { file });
    const ended = (error: unknown) => {
      if (worker === started) worker = null;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    };
    started.on('message', ({ id, result, error }: ReaderReply) => {
      const call = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(error);
      if (waiting.size === 0) idle = setTimeout(stop, IDLE_MS).unref();
    });
    started.on('error', ended);
    started.on('exit', () => ended(new Error('The audit reader thread ended.')));
    return started;
  }

  const ask: Call = (call, ...args) => {
    clearTimeout(idle);
    worker ??= start();
    const id = ++nextId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, call, args } satisfies ReaderCommand);
    return promise as Promise<never>;
  };

  return { ask, stop };
}
