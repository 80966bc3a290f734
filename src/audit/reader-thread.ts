import type { Worker } from 'node:worker_threads';
import type { ReaderCalls, ReaderCommand, ReaderReply } from './reader-worker.ts';
import { startThread } from './start-thread.ts';

/** A thread that nobody asks anything is ended after so long: it costs some megabytes. */
const IDLE_MS = 30_000;

type Call = <C extends keyof ReaderCalls>(
  call: C,
  ...args: Parameters<ReaderCalls[C]>
) => Promise<ReturnType<ReaderCalls[C]>>;

interface Running {
  readonly worker: Worker;
  readonly waiting: Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>;
}

/** Runs reads of the log in a thread that is started by the first one. */
export function createReaderThread(file: string) {
  let running: Running | null = null;
  let idle: NodeJS.Timeout | undefined;
  let nextId = 0;

  /** What was asked and not answered is rejected. */
  async function stop(): Promise<void> {
    clearTimeout(idle);
    const stopping = running;
    running = null;
    await stopping?.worker.terminate();
  }

  function start(): Running {
    const started: Running = { worker: startThread('reader-worker', { file }), waiting: new Map() };
    const { worker, waiting } = started;
    const ended = (error: unknown) => {
      if (running === started) running = null;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    };
    worker.on('message', ({ id, result, error }: ReaderReply) => {
      const call = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(error);
      if (waiting.size === 0 && running === started) idle = setTimeout(stop, IDLE_MS).unref();
    });
    worker.on('error', ended);
    worker.on('exit', () => ended(new Error('The audit reader thread ended.')));
    return started;
  }

  const ask: Call = (call, ...args) => {
    clearTimeout(idle);
    running ??= start();
    const id = ++nextId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    running.waiting.set(id, { resolve, reject });
    running.worker.postMessage({ id, call, args } satisfies ReaderCommand);
    return promise as Promise<never>;
  };

  return { ask, stop };
}
