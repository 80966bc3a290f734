import { headerHash, headerLine } from './export-header.ts';
import type { createReaderThread } from './reader-thread.ts';
import type { startWriterThread } from './writer-thread.ts';

type WriterThread = Awaited<ReturnType<typeof startWriterThread>>;
type ReaderThread = ReturnType<typeof createReaderThread>;

/** How long the writer may take to sign the closing line; it may be waiting for the disk. */
const SEAL_TIMEOUT_MS = 10_000;

/**
 * The whole log, up to the record that is the last one when this begins, as the lines of an export: a header, the records
 * with the checkpoints between them, and a checkpoint signed for this export. Reads a page at a time, and the next one
 * only when it is asked for.
 */
export async function* exportLines(writer: WriterThread, reader: ReaderThread): AsyncGenerator<string> {
  const { logId, publicKey, keyId } = writer.ready;
  const header = headerLine(logId, publicKey, keyId, Date.now());
  const seal = await writer.ask({ type: 'seal', header: headerHash(header) }, SEAL_TIMEOUT_MS);
  yield header;
  for (let after = -1; after < seal.seq; ) {
    const { lines, lastSeq } = await reader.ask('exportPage', after, seal.seq);
    yield* lines;
    after = lastSeq;
  }
  yield seal.line;
}
