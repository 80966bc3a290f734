/** What `doctor` says about an audit log, long or changed. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { openAudit } from '../../src/audit/open-audit.ts';
import { checkAudit } from '../../src/cli/check-audit.ts';

const RECORDS = 2500;
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'toolgate-check-'));
  const audit = await openAudit({
    file: join(folder, 'audit.db'),
    signingKeyFile: join(folder, 'audit-signing.key'),
    mode: 'async',
    checkpointRecords: 500,
  });
  const arguments_ = { text: 'x'.repeat(1000) };
  for (let i = 0; i < RECORDS; i++) {
    audit.record({
      phase: 'event',
      action: 'key.revoke',
      requestId: `req_${i}`,
      time: Date.now(),
      tenantId: 'default',
      arguments: arguments_,
    });
    if (i % 500 === 0) await audit.flush();
  }
  await audit.close();
});
after(() => rm(folder, { recursive: true }));

/** The finding while the log is changed so. */
async function findingWith(change: string) {
  const db = new DatabaseSync(join(folder, 'audit.db'));
  try {
    db.exec(`CREATE TABLE kept AS SELECT * FROM records; CREATE TABLE kept_checkpoints AS SELECT * FROM checkpoints`);
    db.exec(change);
    return (await checkAudit(folder)).find(({ check }) => check === 'audit log')!;
  } finally {
    db.exec('DELETE FROM records; INSERT INTO records SELECT * FROM kept; DROP TABLE kept');
    db.exec('DELETE FROM checkpoints; INSERT INTO checkpoints SELECT * FROM kept_checkpoints');
    db.exec('DROP TABLE kept_checkpoints');
    db.close();
  }
}

test('every record is read, however many there are, and it is told how far that is', async () => {
  const seen: [number, number][] = [];
  const [log] = await checkAudit(folder, (read, all) => seen.push([read, all]));
  assert.deepEqual([log!.level, log!.check], ['ok', 'audit log']);
  const all = seen.at(-1)![1];
  assert.ok(all > RECORDS);
  assert.equal(log!.detail, `all ${all.toLocaleString('en')} records follow from each other`);
  assert.ok(seen.length > 1 && seen.every(([read], i) => i === 0 || read > seen[i - 1]![0]));
  assert.equal(seen.at(-1)![0], all);
});

test('a change is found wherever it was made: in the first record, long ago, and at the end', async () => {
  const rows: [string, RegExp][] = [
    [`UPDATE records SET line = replace(line, '"phase"', '"fase"') WHERE seq = 1`, /^Record 1: Its hash/],
    [`UPDATE records SET line = replace(line, 'req_3"', 'req_x"') WHERE seq < 10`, /^Record 5: Its hash/],
    ['DELETE FROM records WHERE seq <= 100', /^Record 1: Records 1 to 100 are missing/],
    ['DELETE FROM records WHERE seq = 700', /^Record 700: Records 700 to 700 are missing/],
    ['DELETE FROM records WHERE seq > 2400', /^Record 2401: A signed checkpoint covers \d+ records, but 2400 stand/],
    [`UPDATE checkpoints SET line = replace(line, '"number":2', '"number":9')`, /^A checkpoint is not what was signed/],
  ];
  for (const [change, expected] of rows) {
    const { level, detail } = await findingWith(change);
    assert.equal(level, 'fail', change);
    assert.match(detail, expected);
  }
  assert.equal((await checkAudit(folder))[0]!.level, 'ok');
});
