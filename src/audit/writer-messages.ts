import type { ChainWriterOptions } from './chain-writer.ts';
import type { BlockSummary } from './writer-database.ts';

/** What the writer thread is started with. */
export interface WriterOptions extends ChainWriterOptions {
  readonly checkpointSeconds: number;
}

/** To the writer thread. A string is a batch: record lines joined by line feeds; empty: try whether writing works. */
export type WriterCommand =
  | string
  | { readonly type: 'block'; readonly summary: BlockSummary }
  | { readonly type: 'checkpoint'; readonly id: number }
  | { readonly type: 'seal'; readonly id: number; readonly header: string }
  | { readonly type: 'close' };

/** From the writer thread. A number: everything up to this seq is durable, and all is well. */
export type WriterReport =
  | number
  | {
      readonly type: 'ready';
      readonly seq: number;
      readonly logId: string;
      readonly publicKey: string;
      readonly keyId: string;
      readonly problem: string | null;
    }
  /** The thread could not open the log, and has ended. */
  | { readonly type: 'unopened'; readonly error: string }
  /** Durable up to `seq`, but the disk is full: nothing new may start. */
  | { readonly type: 'degraded'; readonly seq: number; readonly error: string }
  /** The batch was not written; it must be sent again. */
  | { readonly type: 'failed'; readonly error: string }
  /** A new checkpoint's line. */
  | { readonly type: 'checkpoint'; readonly line: string }
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'reply'; readonly id: number; readonly line: string; readonly seq: number }
  | { readonly type: 'refused'; readonly id: number; readonly error: string };
