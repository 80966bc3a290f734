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

function readExpected(expect: VerifyOptions['expect'], keys: Keys): Expected | null {
  if (expect === undefined) return null;
  if (typeof expect !== 'string') return expect;
  const signed = parseCheckpoint(expect.trim());
  const key = signed && keys.get(signed.key);
  if (!key || !isSignedBy(signed, key)) {
    throw new Error('The expected checkpoint is not a checkpoint line that this public key signed.');
  }
  return signed.checkpoint;
}

type Finding = Pick<ExportFault, 'kind' | 'detail' | 'seq'>;
type Keys = ReadonlyMap<string, KeyObject>;

function checkHeader(header: ReturnType<typeof parseHeader>, keys: Keys, expected: Expected | null): Finding | null {
  const found = (kind: Finding['kind'], detail: string): Finding => ({ kind, detail, seq: null });
  if (!header) return found('malformed', 'The first line is not the header of an audit export.');
  const { toolgateAudit: version, key, log } = header;
  if (version !== EXPORT_VERSION) {
    return found('malformed', `The export has version ${version}; this verifier knows ${EXPORT_VERSION}.`);
  }
  if (!keys.has(key.id)) {
    return found('bad-signature', `The export names the key ${key.id}, which is not the public key that was given.`);
  }
  if (expected?.log !== undefined && expected.log !== log) {
    return found('truncated', `The expected checkpoint is of the log ${expected.log}; this is the log ${log}.`);
  }
  return null;
}

/**
 * Signature, log and number: whether a line is a checkpoint that belongs here. When records are missing before it as well
 * as checkpoints, the records are what to report, which comes after this.
 */
function checkCheckpoint(
  line: string,
  keys: Keys,
  at: { readonly log: string; readonly lastNumber: number; readonly lastSeq: number },
): Checkpoint | Finding {
  const signed = parseCheckpoint(line);
  if (!signed) return { kind: 'malformed', detail: 'The line begins like a checkpoint and is none.', seq: null };
  const { checkpoint } = signed;
  const { number, seq, log } = checkpoint;
  const key = keys.get(signed.key);
  if (!key || !isSignedBy(signed, key)) {
    return { kind: 'bad-signature', detail: `Checkpoint ${number} is not signed by the public key.`, seq };
  }
  if (log !== at.log) return { kind: 'inserted', detail: `Checkpoint ${number} is one of the log ${log}.`, seq };
  const due = checkpoint.kind === 'export' ? at.lastNumber : at.lastNumber + 1;
  if (number > due && seq <= at.lastSeq) {
    return { kind: 'deleted', detail: `Checkpoint ${number} stands where ${due} should: one is missing.`, seq };
  }
  if (number < due) return { kind: 'reordered', detail: `Checkpoint ${number} stands where ${due} should.`, seq };
  return checkpoint;
}

function createVerifier(keys: Keys, expected: Expected | null) {
  const outcomes = createOutcomeTracker();
  let chain = createRecordChain('');
  let log = '';
  let headerDigest = '';
  let lineNumber = 0;
  let checkpoints = 0;
  let lastNumber = 0;
  let closedAt = -1;
  let sealedAt: number | null = null;

  const fail = ({ kind, detail, seq }: Finding) =>
    chain.fail({ line: lineNumber, seq, recordId: seq === null ? null : chain.lastId(), kind, detail });

  function readHeader(line: string): void {
    const header = parseHeader(line);
    log = header?.log ?? '';
    headerDigest = headerHash(line);
    chain = createRecordChain(genesisHash(log));
    const fault = checkHeader(header, keys, expected);
    if (fault) fail(fault);
  }

  function readCheckpoint(line: string): void {
    const checkpoint = checkCheckpoint(line, keys, { log, lastNumber, lastSeq: chain.lastSeq() });
    if ('detail' in checkpoint) {
      checkpoints++;
      fail(checkpoint);
      return;
    }
    const { kind, number, seq, time, header } = checkpoint;
    if (kind === 'export') {
      sealedAt = time;
      if (header !== headerDigest) {
        fail({
          kind: 'edited',
          detail: 'The first line is not the one that the closing checkpoint signed.',
          seq: null,
        });
      }
    } else {
      checkpoints++;
      lastNumber = number;
      if (kind === 'close') closedAt = seq;
    }
    chain.checkpoint(checkpoint, lineNumber);
  }

  function readRecord(line: string): void {
    const record = chain.record(line, lineNumber);
    if (!record) return;
    outcomes.see(record);
    const { seq, hash } = record;
    if (seq === expected?.seq && hash !== expected.hash) {
      fail({ kind: 'edited', detail: `Record ${seq} is not the one that the expected checkpoint signed.`, seq });
    }
  }

  function push(line: string): void {
    lineNumber++;
    if (lineNumber === 1) readHeader(line);
    else if (sealedAt !== null)
      fail({ kind: 'inserted', detail: 'There is text after the closing checkpoint.', seq: null });
    else if (line.startsWith('{"checkpoint":')) readCheckpoint(line);
    else readRecord(line);
  }

  function finish(): ExportReport {
    lineNumber++;
    const lastSeq = chain.lastSeq();
    const cut = (detail: string) => fail({ kind: 'truncated', detail, seq: lastSeq + 1 });
    if (lineNumber === 1) cut('The export is empty.');
    else if (sealedAt === null) cut('The export does not end with its closing checkpoint: the end is missing.');
    if (expected && lastSeq < expected.seq) {
      cut(`The export ends at record ${lastSeq}; the expected checkpoint is at ${expected.seq}.`);
    }
    if (closedAt === lastSeq) outcomes.giveUp();
    const firstFault = chain.fault();
    return {
      ok: firstFault === null,
      records: chain.count(),
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
