import type { Worker } from 'node:worker_threads';
import { AppError } from '../errors/app-error.ts';
import { startThread } from './start-thread.ts';
import type { WriterCommand, WriterOptions, WriterReport } from './writer-messages.ts';

type WriterReady = Extract<WriterReport, { type: 'ready' }>;

interface WriterThreadEvents {
  /** Durable up to `seq`; `shortage` says why the disk counts as full. */
  acknowledged(seq: number, shortage: string | null): void;
  failed(error: string): void;
  checkpoint(line: string): void;
  notice(text: string): void;
}

interface Reply {
  readonly line: string;
  readonly seq: number;
}

/**
 * Runs the writer thread and starts it again, into the same chain, should it ever end by itself.
 * @throws Error when the log cannot be opened the first time.
 */
export async function startWriterThread(options: WriterOptions, events: WriterThreadEvents) {
  let worker: Worker | null = null;
  let opened: WriterReady | null = null;
  let closing = false;
  let lastError: string | null = null;
  let nextId = 0;
  const replies = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>();
  const firstOpening = Promise.withResolvers<WriterReady>();

  const unavailable = (error: string) => new AppError('audit_unavailable', undefined, { cause: new Error(error) });

  function receive(report: WriterReport): void {
    if (typeof report === 'number') events.acknowledged(report, null);
    else if (report.type === 'degraded') events.acknowledged(report.seq, report.error);
    else if (report.type === 'failed') events.failed(report.error);
    else if (report.type === 'checkpoint') events.checkpoint(report.line);
    else if (report.type === 'notice') events.notice(report.text);
    else if (report.type === 'reply') replies.get(report.id)?.resolve(report);
    else if (report.type === 'refused') replies.get(report.id)?.reject(unavailable(report.error));
    else if (report.type === 'unopened') lastError = report.error;
    else if (opened === null) {
      opened = report;
      firstOpening.resolve(report);
    }
  }

  /** The thread is gone, and with it its hold on the files. */
  function ended(): void {
    const error = lastError ?? 'The audit writer thread ended.';
    worker = null;
    lastError = null;
    for (const { reject } of replies.values()) reject(unavailable(error));
    if (opened === null) firstOpening.reject(new Error(error));
    else if (!closing) events.failed(error);
  }

  function start(): Worker {
    const started = startThread('writer-worker', { ...options, resumeLog: opened?.logId });
    const isCurrent = () => worker === started;
    started.on('message', (report: WriterReport) => isCurrent() && receive(report));
    started.on('error', (error) => {
      if (isCurrent()) lastError = `The audit writer thread failed: ${String(error)}`;
    });
    started.on('exit', () => isCurrent() && ended());
    return started;
  }

  function send(command: WriterCommand): void {
    worker ??= start();
    worker.postMessage(command);
  }

  async function ask(
    command: { type: 'checkpoint' } | { type: 'seal'; header: string },
    timeoutMs: number,
  ): Promise<Reply> {
    const id = ++nextId;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const timer = setTimeout(() => reject(unavailable('The audit writer did not answer.')), timeoutMs);
    replies.set(id, { resolve, reject });
    try {
      send({ ...command, id });
      return await promise;
    } finally {
      clearTimeout(timer);
      replies.delete(id);
    }
  }

  /** Signs the closing checkpoint and ends the thread. False when it does not within `timeoutMs`: it is then left behind. */
  async function close(timeoutMs: number): Promise<boolean> {
    closing = true;
    const running = worker;
    if (running === null) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    running.once('exit', () => resolve(true));
    const timer = setTimeout(() => resolve(false), timeoutMs);
    running.postMessage({ type: 'close' } satisfies WriterCommand);
    const closed = await promise;
    clearTimeout(timer);
    running.unref();
    return closed;
  }

  worker = start();
  return { ready: await firstOpening.promise, send, ask, close };
}
