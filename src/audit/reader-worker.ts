import { parentPort, workerData } from 'node:worker_threads';
import { openAuditReader } from './audit-reader.ts';

/** The reader thread: searches may read gigabytes, and must hold up neither calls nor the writer. */

const { file } = workerData as { file: string };
const reader = openAuditReader(file);

export type ReaderCalls = Omit<ReturnType<typeof openAuditReader>, 'close'>;

export interface ReaderCommand {
  readonly id: number;
  readonly call: keyof ReaderCalls;
  readonly args: readonly unknown[];
}

export interface ReaderReply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: unknown;
}

parentPort!.on('message', ({ id, call, args }: ReaderCommand) => {
  let reply: ReaderReply;
  try {
    reply = { id, result: (reader[call] as (...args: readonly unknown[]) => unknown)(...args) };
  } catch (error) {
    reply = { id, error };
  }
  parentPort!.postMessage(reply);
});
