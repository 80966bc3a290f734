import { parentPort, workerData } from 'node:worker_threads';
import { createChainWriter } from './chain-writer.ts';
import { createDiskReserve } from './disk-reserve.ts';
import { takeWriterLock } from './writer-lock.ts';
import type { WriterCommand, WriterOptions, WriterReport } from './writer-messages.ts';

/** The writer thread: it waits for the disk so that the event loop does not. One batch in, one report out. */

const options = workerData as WriterOptions;
const report = (message: WriterReport) => parentPort!.postMessage(message);

function describe(error: unknown): string {
  const { message, errstr, errcode } = error as { message?: string; errstr?: string; errcode?: number };
  return errstr === undefined ? String(message ?? error) : `${message} (SQLite ${errcode}: ${errstr})`;
}

function serve(): void {
  const lock = takeWriterLock(options.file);
  const writer = createChainWriter(options);
  const reserve = createDiskReserve(`${options.file}.reserve`);
  const noReserve = 'There is no space to keep in reserve.';
  /** Why the disk counts as full although records can be written; null while all is well. */
  let shortage: string | null = noReserve;
  let failing = false;

  const announce = (line: string | null) => {
    if (line !== null) report({ type: 'checkpoint', line });
  };

  function regain(): void {
    if (reserve.ensure()) shortage = null;
  }

  function write(batch: string): void {
    try {
      announce(writer.write(batch));
    } catch (error) {
      shortage = describe(error);
      // With the space that this frees, what is already under way can still be recorded.
      if (!reserve.release()) throw error;
      announce(writer.write(batch));
    }
  }

  function takeBatch(batch: string): void {
    try {
      write(batch);
      if (shortage !== null && (failing || batch === '')) regain();
      failing = false;
      const { seq } = writer.tail();
      report(shortage === null ? seq : { type: 'degraded', seq, error: shortage });
    } catch (error) {
      failing = true;
      report({ type: 'failed', error: describe(error) });
    }
  }

  function answer(id: number, make: () => { line: string; seq: number }): void {
    try {
      report({ type: 'reply', id, ...make() });
    } catch (error) {
      report({ type: 'refused', id, error: describe(error) });
    }
  }

  function inspect(): void {
    if (!writer.checkInPlace()) {
      report({ type: 'notice', text: `The audit log ${options.file} was removed or replaced while it was in use.` });
    }
    if (!writer.hasUnsigned() || failing) return;
    try {
      announce(writer.checkpoint('periodic'));
    } catch {
      // The next batch meets the same trouble and reports it.
    }
  }

  function close(): void {
    try {
      announce(writer.checkpoint('close'));
    } catch (error) {
      report({ type: 'notice', text: `The audit log was closed without a checkpoint: ${describe(error)}` });
    }
    clearInterval(inspection);
    writer.close();
    lock.release();
    parentPort!.close();
  }

  const inspection = setInterval(inspect, options.checkpointSeconds * 1000);
  parentPort!.on('message', (command: WriterCommand) => {
    if (typeof command === 'string') takeBatch(command);
    else if (command.type === 'block') writer.addBlock(command.summary);
    else if (command.type === 'seal') answer(command.id, () => writer.seal(command.header));
    else if (command.type === 'checkpoint') {
      answer(command.id, () => {
        const line = writer.checkpoint('periodic');
        return { line, seq: writer.tail().seq };
      });
    } else close();
  });
  const { logId, key, problem } = writer;
  const { publicKey, keyId } = key;
  report({ type: 'ready', seq: writer.tail().seq, logId, publicKey, keyId, problem });
}

try {
  serve();
} catch (error) {
  const text = describe(error);
  // What SQLite says names no file.
  const fromSqlite = (error as { errstr?: string }).errstr !== undefined;
  const advice = 'Restore it from a backup, or move it away: a new log is begun then.';
  report({
    type: 'unopened',
    error: fromSqlite ? `The audit log ${options.file} cannot be opened: ${text}. ${advice}` : text,
  });
  parentPort!.close();
}
