import { newId } from '../lib/ids.ts';
import type { AuditEvent } from '../model/audit-event.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import type { AuditQuery } from './audit-query.ts';
import type { AuditPage, TailPage, TailQuery } from './audit-reader.ts';
import { exportLines } from './export-lines.ts';
import { createReaderThread } from './reader-thread.ts';
import { WriteQueue, type WriterState } from './write-queue.ts';
import { startWriterThread } from './writer-thread.ts';

export interface AuditOptions {
  /** The SQLite file. Beside it: `{file}.lock`, `{file}.reserve` (4 MiB, given back when the disk is full). */
  readonly file: string;
  /** Ed25519 key, PEM; created with mode 0600 when absent. */
  readonly signingKeyFile: string;
  /** `strict`: an intent resolves when it is on the disk. `async`: at once. */
  readonly mode: 'strict' | 'async';
  /** How long an intent may wait for the disk. */
  readonly deadlineMs?: number;
  readonly checkpointRecords?: number;
  readonly checkpointSeconds?: number;
  /** What may wait for the disk in memory: records, and characters. Beyond it intents are refused, in both modes. */
  readonly maxQueuedRecords?: number;
  readonly maxQueuedBytes?: number;
  /** How often writing is tried again after a failure. */
  readonly retryMs?: number;
  /** Every checkpoint, as it is signed: keep them where nobody who can write the data folder can change them. */
  readonly onCheckpoint?: (line: string) => void;
  /** The writer got into trouble or out of it. `error` is for the operator. */
  readonly onState?: (state: WriterState, error: string | null) => void;
  /** Something an operator should know, in one sentence: missing records found at the start, a removed file. */
  readonly onNotice?: (text: string) => void;
}

export type AuditLog = Awaited<ReturnType<typeof openAudit>>;

const CHECKPOINT_TIMEOUT_MS = 10_000;

/** Starts both sides of writing: the thread, and the queue that feeds it. */
async function startWriting(options: AuditOptions, onReplaced: () => void) {
  const { file, mode, signingKeyFile, onState } = options;
  const writer = newId('w').slice(-8);
  const shared = { file, signingKeyFile, writer, tenantId: DEFAULT_TENANT };
  const { checkpointRecords = 1000, checkpointSeconds = 60 } = options;
  let queue: WriteQueue;
  const thread = await startWriterThread(
    { ...shared, checkpointRecords, checkpointSeconds },
    {
      acknowledged: (seq, shortage) => queue.acknowledge(seq, shortage),
      failed: (error) => queue.fail(error),
      checkpoint: (line) => options.onCheckpoint?.(line),
      notice: (text) => {
        options.onNotice?.(text);
        onReplaced();
      },
    },
  );
  queue = new WriteQueue(thread.ready.seq, {
    mode,
    writer,
    tenantId: DEFAULT_TENANT,
    deadlineMs: options.deadlineMs ?? 2000,
    maxQueuedRecords: options.maxQueuedRecords ?? 50_000,
    maxQueuedBytes: options.maxQueuedBytes ?? 64 * 1024 * 1024,
    retryMs: options.retryMs ?? 500,
    send: thread.send,
    sendBlock: (summary) => thread.send({ type: 'block', summary }),
    onState,
  });
  // The thread reports nothing before it is asked; this makes the reserve, and finds out whether there is space for it.
  thread.send('');
  return { thread, queue };
}

/** False when the promise takes longer. */
async function within(timeoutMs: number, promise: Promise<void>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  const inTime = await Promise.race([promise.then(() => true), late.promise]);
  clearTimeout(timer);
  return inTime;
}

/**
 * Opens the audit log, creating what is missing, and writes the record that a run of the gateway begins with.
 * @throws Error when another process writes it, a newer version wrote it, the key file is readable by others, or the
 * disk is full: texts say what to do.
 */
export async function openAudit(options: AuditOptions) {
  const reader = createReaderThread(options.file);
  // A file that was replaced is another one to read, too.
  const { thread, queue } = await startWriting(options, () => void reader.stop());
  const { seq: runStart, publicKey, keyId, logId, problem } = thread.ready;
  if (problem !== null)
    options.onNotice?.(`The audit log ${options.file} was changed while no gateway ran. ${problem}`);

  async function checkpoint(): Promise<string> {
    await queue.flush();
    const { line } = await thread.ask({ type: 'checkpoint' }, CHECKPOINT_TIMEOUT_MS);
    options.onCheckpoint?.(line);
    return line;
  }

  async function close(timeoutMs = 10_000): Promise<void> {
    const drained = await within(timeoutMs, queue.flush());
    const { queuedRecords, error } = queue.stats();
    queue.close();
    await reader.stop();
    const closed = await thread.close(drained ? timeoutMs : 1000);
    if (drained && closed) return;
    const lost = drained ? 0 : queuedRecords;
    throw new Error(`The audit log was not closed in order: ${lost} records were not written. ${error ?? ''}`.trim());
  }

  return {
    /** PEM of the key that checkpoints are signed with: what an auditor needs to verify an export. */
    publicKey,
    keyId,
    logId,
    /**
     * Records what is about to be done. Strict mode: resolves when the record is durable. Async mode: at once.
     * Rejects with AppError `audit_unavailable` when it cannot be recorded (deadline, failing disk, full queue), and
     * `shutting_down` after close. The act must then not be done, and no outcome be recorded for it.
     */
    intent: (event: AuditEvent): Promise<void> => queue.intent(event),
    /**
     * Queues an outcome or an event. Never waits and never throws. An outcome finds its intent by `requestId`, and only
     * its result is recorded: what its intent says already (who, what, where) is left out. It is
     * kept until it is durable, for as long as the process lives. An event is too, unless half of the queue is full:
     * then it is only counted, and the counts are recorded as `audit.recovered` when writing works again.
     */
    record: (event: AuditEvent): void => queue.record(event),
    /** Resolves when everything recorded so far is durable, however long that takes. */
    flush: (): Promise<void> => queue.flush(),
    /** Flushes, signs a checkpoint and returns its line: what an auditor keeps as `expect` of `verifyExport`. */
    checkpoint,
    /** Newest first, each intent with its outcome. Runs in a thread of its own. */
    search: (query: AuditQuery): Promise<AuditPage> => reader.ask('search', query, runStart),
    /** The raw records in their order, for following along: call again with `next`. */
    tail: (query: TailQuery): Promise<TailPage> => reader.ask('tail', query),
    /** The whole log up to now as JSON Lines (without line ends), as `verifyExport` reads it. */
    export: (): AsyncIterable<string> => exportLines(thread, reader),
    stats: () => queue.stats(),
    /**
     * Writes what is queued, signs the closing checkpoint and ends the threads. Afterwards intents are refused and
     * records dropped, so end the calls first.
     * @throws Error with the number of records that could not be written within `timeoutMs` (10 s when absent).
     */
    close,
  };
}
