import { createPublicKey, type KeyObject } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openAuditReader } from '../audit/audit-reader.ts';
import { genesisHash } from '../audit/chain.ts';
import { type Checkpoint, isSignedBy, keyIdOf, parseCheckpoint } from '../audit/checkpoint.ts';
import { createRecordChain } from '../audit/record-chain.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { type Finding, fail, failed, ok, warn } from './finding.ts';

/** Clocks are set by small steps all the time. */
const CLOCK_TOLERANCE_MS = 5_000;
const FIX =
  'Somebody or something changed the log. Keep a copy, then: toolgate audit export > a.jsonl && toolgate audit verify …';

/** Told after about every megabyte how many of the records were read. */
export type AuditProgress = (read: number, all: number) => void;

/** Whether the audit log still proves itself, from its first record to its last, and whether the clock is behind it. */
export async function checkAudit(dataDir: string, progress: AuditProgress = () => {}): Promise<Finding[]> {
  const file = join(dataDir, 'audit.db');
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  if (!exists) return [];
  try {
    const publicKey = createPublicKey(await readFile(join(dataDir, 'audit-signing.key'), 'utf8'));
    const reader = openAuditReader(file);
    try {
      const [newest] = reader.tail({ tenantId: DEFAULT_TENANT, limit: 1 }).records;
      return [checkChain(reader, publicKey, progress), checkClock(newest?.time)];
    } finally {
      reader.close();
    }
  } catch (error) {
    return [failed('audit log', error)];
  }
}

/** Each record follows from the one before, and each checkpoint signs the record before it. */
function checkChain(
  reader: ReturnType<typeof openAuditReader>,
  publicKey: KeyObject,
  progress: AuditProgress,
): Finding {
  const { logId, lastSeq } = reader.extent();
  const chain = createRecordChain(genesisHash(logId));
  for (let after = -1, line = 0; after < lastSeq; ) {
    const page = reader.exportPage(after, lastSeq);
    for (const text of page.lines) {
      line++;
      if (!text.startsWith('{"checkpoint":')) {
        chain.record(text, line);
        continue;
      }
      const checkpoint = readCheckpoint(text, publicKey);
      if ('level' in checkpoint) return checkpoint;
      chain.checkpoint(checkpoint, line);
    }
    const fault = chain.fault();
    if (fault !== null) {
      const record = fault.seq === null ? '' : `Record ${fault.seq}: `;
      return fail('audit log', `${record}${fault.detail}`, FIX);
    }
    after = page.lastSeq;
    progress(after, lastSeq);
  }
  return ok('audit log', `all ${lastSeq.toLocaleString('en')} records follow from each other`);
}

function readCheckpoint(text: string, publicKey: KeyObject): Checkpoint | Finding {
  const signed = parseCheckpoint(text);
  if (signed !== null && signed.key !== keyIdOf(publicKey)) {
    const detail = `Checkpoint ${signed.checkpoint.number} was signed with another key.`;
    return fail('audit log', detail, 'Restore audit-signing.key from your backup.');
  }
  return signed !== null && isSignedBy(signed, publicKey)
    ? signed.checkpoint
    : fail('audit log', `A checkpoint is not what was signed: ${text.slice(0, 80)}…`, FIX);
}

function checkClock(newestAt: number | undefined): Finding {
  const now = new Date();
  const ahead = (newestAt ?? 0) - now.getTime();
  if (ahead <= CLOCK_TOLERANCE_MS) return ok('clock', `${now.toISOString().slice(0, 19)}Z`);
  const detail = `It is ${Math.round(ahead / 1000)} s behind the newest audit record.`;
  return warn('clock', detail, 'Set the clock (NTP): expiries and the times of records depend on it.');
}
