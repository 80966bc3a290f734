import type { KeyObject } from 'node:crypto';
import { genesisHash } from './chain.ts';
import { type Checkpoint, isSignedBy, keyIdOf, parseCheckpoint, readPublicKey } from './checkpoint.ts';
import { EXPORT_VERSION, headerHash, parseHeader } from './export-header.ts';
import { createOutcomeTracker, type UnknownOutcome } from './outcome-tracker.ts';
import { createRecordChain, type ExportFault } from './record-chain.ts';

export interface VerifyOptions {
  /** The key or keys that the auditor trusts: PEM, or base64 DER. Never take them from the export itself. */
  readonly publicKey: string | readonly string[];
  /**
   * A checkpoint that the auditor kept from earlier: its line (its signature is checked too) or just what it states.
   * The export must hold that record with that hash.
   */
  readonly expect?: string | { readonly seq: number; readonly hash: string } | undefined;
}

export interface ExportReport {
  readonly ok: boolean;
  /** Records and checkpoints (without the closing one) that were read; after a fault they are counted, not trusted. */
  readonly records: number;
  readonly checkpoints: number;
  /** The last record that the chain proves, and when the closing checkpoint was signed (null without one). */
  readonly lastSeq: number;
  readonly sealedAt: number | null;
  readonly firstFault?: ExportFault;
  /** Calls whose outcome was never recorded because the gateway died: each may or may not have reached its upstream. */
  readonly unknownOutcomes: readonly UnknownOutcome[];
  /** Calls that were still under way when the export was made. */
  readonly pendingOutcomes: number;
}

type Expected = { readonly seq: number; readonly hash: string; readonly log?: string };

function readExpected(expect: VerifyOptions['expect'], keys: ReadonlyMap<string, KeyObject>): Expected | null {
  if (expect === undefined) return null;
  if (typeof expect !== 'string') return expect;
  const signed = parseCheckpoint(expect.trim());
  const key = signed && keys.get(signed.key);
  if (!key || !isSignedBy(signed, key)) {
    throw new Error('The expected checkpoint is not a checkpoint line that this public key signed.');
  }
  return signed.checkpoint;
}

function createVerifier(keys: ReadonlyMap<string, KeyObject>, expected: Expected | null) {
  const outcomes = createOutcomeTracker();
  let chain: ReturnType<typeof createRecordChain> | null = null;
  let log = '';
  let headerDigest = '';
  let lineNumber = 0;
  let checkpoints = 0;
  let lastNumber = 0;
  let closedAt = -1;
  let sealedAt: number | null = null;
  let headerFault: ExportFault | null = null;

  const fault = (kind: ExportFault['kind'], detail: string, seq: number | null = null) => {
    if (chain) chain.fail({ line: lineNumber, seq, recordId: chain.lastId(), kind, detail });
    else headerFault ??= { line: lineNumber, seq, recordId: null, kind, detail };
  };

  function readHeader(line: string): void {
    const header = parseHeader(line);
    log = header?.log ?? '';
    headerDigest = headerHash(line);
    if (!header) fault('malformed', 'The first line is not the header of an audit export.');
    else if (header.toolgateAudit !== EXPORT_VERSION) {
      fault('malformed', `The export has version ${header.toolgateAudit}; this verifier knows ${EXPORT_VERSION}.`);
    } else if (!keys.has(header.key.id)) {
      fault('bad-signature', `The export names the key ${header.key.id}, which is not the public key that was given.`);
    } else if (expected?.log !== undefined && expected.log !== log) {
      fault('truncated', `The expected checkpoint is of the log ${expected.log}; this is the log ${log}.`);
    }
    chain = createRecordChain(genesisHash(log));
    if (headerFault) chain.fail(headerFault);
  }

  /**
   * Signature, log and number: whether the line is a checkpoint that belongs here. When records are missing before it as
   * well as checkpoints, the records are what to report, which comes after this.
   */
  function authentic(line: string): Checkpoint | null {
    const signed = parseCheckpoint(line);
    if (!signed) {
      fault('malformed', 'The line begins like a checkpoint and is none.');
      return null;
    }
    const { checkpoint } = signed;
    const key = keys.get(signed.key);
    const due = checkpoint.kind === 'export' ? lastNumber : lastNumber + 1;
    if (!key || !isSignedBy(signed, key)) {
      fault('bad-signature', `Checkpoint ${checkpoint.number} is not signed by the public key.`, checkpoint.seq);
    } else if (checkpoint.log !== log) {
      fault('inserted', `Checkpoint ${checkpoint.number} is one of the log ${checkpoint.log}.`, checkpoint.seq);
    } else if (checkpoint.number > due && checkpoint.seq <= (chain?.lastSeq() ?? 0)) {
      fault('deleted', `Checkpoints ${due} to ${checkpoint.number} do not follow each other.`, checkpoint.seq);
    } else if (checkpoint.number < due) {
      fault('reordered', `Checkpoint ${checkpoint.number} stands where ${due} should.`, checkpoint.seq);
    } else return checkpoint;
    return null;
  }

  function readCheckpoint(line: string, records: NonNullable<typeof chain>): void {
    const checkpoint = authentic(line);
    if (checkpoint?.kind === 'export') {
      sealedAt = checkpoint.time;
      if (checkpoint.header !== headerDigest) {
        fault('edited', 'The first line is not the one that the closing checkpoint signed.');
      }
    } else {
      checkpoints++;
      lastNumber = checkpoint?.number ?? lastNumber;
      if (checkpoint?.kind === 'close') closedAt = checkpoint.seq;
    }
    if (checkpoint) records.checkpoint(checkpoint, lineNumber);
  }

  function push(line: string): void {
    lineNumber++;
    if (chain === null) readHeader(line);
    else if (sealedAt !== null) fault('inserted', 'There is text after the closing checkpoint.');
    else if (line.startsWith('{"checkpoint":')) readCheckpoint(line, chain);
    else {
      const record = chain.record(line, lineNumber);
      if (!record) return;
      outcomes.see(record);
      if (record.seq === expected?.seq && record.hash !== expected.hash) {
        fault('edited', `Record ${record.seq} is not the one that the expected checkpoint signed.`, record.seq);
      }
    }
  }

  function finish(): ExportReport {
    lineNumber++;
    if (chain === null) fault('truncated', 'The export is empty.');
    else if (sealedAt === null) {
      fault(
        'truncated',
        'The export does not end with its closing checkpoint: the end is missing.',
        chain.lastSeq() + 1,
      );
    }
    const lastSeq = chain?.lastSeq() ?? 0;
    if (expected && lastSeq < expected.seq) {
      fault('truncated', `The export ends at ${lastSeq}; the expected checkpoint is at ${expected.seq}.`, lastSeq + 1);
    }
    if (closedAt === lastSeq) outcomes.giveUp();
    const firstFault = chain?.fault() ?? headerFault;
    return {
      ok: firstFault === null,
      records: chain?.count() ?? 0,
      checkpoints,
      lastSeq,
      sealedAt,
      ...(firstFault ? { firstFault } : {}),
      unknownOutcomes: outcomes.unknown(),
      pendingOutcomes: outcomes.pending(),
    };
  }

  return { push, finish };
}

/**
 * Checks an export of the audit log with nothing but the export and the public key: this needs no database, no gateway
 * and no other file than the ones beside it in this folder, all of which use only node:crypto.
 *
 * It finds every changed, removed, added or moved line, and names the first. How much that proves:
 * - A cut tail shows because an export ends with a checkpoint that was signed when the export was made. An *older*
 *   export given in its place verifies as well, as of the time in `sealedAt`; give `expect` to rule out one that is
 *   older than a checkpoint you kept.
 * - Whoever holds the signing key can write a log that verifies. Against somebody who can, only a checkpoint helps that
 *   was kept where they cannot reach (the gateway hands each one out as it signs it), given as `expect`.
 * - It proves what was recorded, not that the gateway recorded the truth.
 *
 * @param lines the export without line ends; one empty line at the end is ignored.
 * @throws Error when a public key or `expect` cannot be read. A bad export never throws: it gives a report.
 */
export async function verifyExport(
  lines: AsyncIterable<string> | Iterable<string>,
  options: VerifyOptions,
): Promise<ExportReport> {
  const texts = typeof options.publicKey === 'string' ? [options.publicKey] : options.publicKey;
  const keys = new Map(texts.map(readPublicKey).map((key) => [keyIdOf(key), key]));
  const verifier = createVerifier(keys, readExpected(options.expect, keys));
  let empty = 0;
  for await (const line of lines) {
    // Held back, so that the empty string after the last line end does not count as a line.
    for (; empty > 0 && line !== ''; empty--) verifier.push('');
    if (line === '') empty++;
    else verifier.push(line);
  }
  for (; empty > 1; empty--) verifier.push('');
  return verifier.finish();
}
