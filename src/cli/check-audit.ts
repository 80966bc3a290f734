import { createPublicKey, type KeyObject } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openAuditReader } from '../audit/audit-reader.ts';
import { linkHash, splitHash } from '../audit/chain.ts';
import { isSignedBy, keyIdOf, parseCheckpoint } from '../audit/checkpoint.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { type Finding, fail, failed, ok, warn } from './finding.ts';

/** So many of the newest records are checked; `audit verify` checks all. */
const TAIL = 2000;
/** Clocks are set by small steps all the time. */
const CLOCK_TOLERANCE_MS = 5_000;

/** Whether the end of the audit log still proves itself, and whether the clock is behind it. */
export async function checkAudit(dataDir: string): Promise<Finding[]> {
  const file = join(dataDir, 'audit.db');
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  if (!exists) return [];
  try {
    const publicKey = createPublicKey(await readFile(join(dataDir, 'audit-signing.key'), 'utf8'));
    const { lines, newestAt, lastSeq } = readTail(file);
    return [checkChain(lines, publicKey, lastSeq), checkClock(newestAt)];
  } catch (error) {
    return [failed('audit log', error)];
  }
}

function readTail(file: string): { lines: string[]; newestAt: number | undefined; lastSeq: number } {
  const reader = openAuditReader(file);
  try {
    const [newest] = reader.tail({ tenantId: DEFAULT_TENANT, limit: 1 }).records;
    const lastSeq = newest?.seq ?? 0;
    const lines: string[] = [];
    for (let after = Math.max(-1, lastSeq - TAIL); after < lastSeq; ) {
      const page = reader.exportPage(after, lastSeq);
      lines.push(...page.lines);
      after = page.lastSeq;
    }
    return { lines, newestAt: newest?.time, lastSeq };
  } finally {
    reader.close();
  }
}

/** Each record follows from the one before, and each checkpoint signs the record before it. */
function checkChain(lines: readonly string[], publicKey: KeyObject, lastSeq: number): Finding {
  const fix =
    'Somebody or something changed the log. Keep a copy, then: toolgate audit export > a.jsonl && toolgate audit verify …';
  let last: { seq: number; hash: string } | null = null;
  let records = 0;
  for (const line of lines) {
    const signed = parseCheckpoint(line);
    if (signed !== null) {
      const { seq, hash, number } = signed.checkpoint;
      const ours = signed.key === keyIdOf(publicKey);
      if (!ours)
        return fail(
          'audit log',
          `Checkpoint ${number} was signed with another key.`,
          'Restore audit-signing.key from your backup.',
        );
      const honest = isSignedBy(signed, publicKey) && (last === null || (last.seq === seq && last.hash === hash));
      if (!honest) return fail('audit log', `Checkpoint ${number} does not fit record ${seq}.`, fix);
      continue;
    }
    const split = splitHash(line);
    const seq = split === null ? Number.NaN : (JSON.parse(split.line) as { seq: number }).seq;
    const follows =
      split !== null && (last === null || (seq === last.seq + 1 && linkHash(last.hash, split.line) === split.hash));
    if (!follows)
      return fail(
        'audit log',
        `Record ${last === null ? seq : last.seq + 1} does not follow from the one before.`,
        fix,
      );
    last = { seq, hash: split.hash };
    records++;
  }
  return ok(
    'audit log',
    `the last ${records.toLocaleString('en')} of ${lastSeq.toLocaleString('en')} records follow from each other`,
  );
}

function checkClock(newestAt: number | undefined): Finding {
  const now = new Date();
  const ahead = (newestAt ?? 0) - now.getTime();
  if (ahead <= CLOCK_TOLERANCE_MS) return ok('clock', `${now.toISOString().slice(0, 19)}Z`);
  const detail = `It is ${Math.round(ahead / 1000)} s behind the newest audit record.`;
  return warn('clock', detail, 'Set the clock (NTP): expiries and the times of records depend on it.');
}
