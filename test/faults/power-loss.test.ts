/** What a write is answered with must not be lost with the machine: nobody can pull the plug here, but strace sees the order. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const WRITES = 20;

test('every write to the database is on the disk before it is answered, also at the end of a transaction', async (t) => {
  if (spawnSync('strace', ['-o', '/dev/null', 'true']).status !== 0)
    return t.skip('needs strace and the right to use it');
  const folder = await mkdtemp(join(tmpdir(), 'toolgate-power-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const trace = join(folder, 'trace');
  const child = spawnSync(
    'strace',
    [
      ...['-f', '-qq', '-y', '-o', trace, '-e', 'trace=pwrite64,pwritev,write,fdatasync,fsync'],
      ...[process.execPath, '--input-type=module', '--eval', writer(join(folder, 'toolgate.db'))],
    ],
    { encoding: 'utf8' },
  );
  assert.equal(child.status, 0, child.stderr);

  const calls = (await readFile(trace, 'utf8')).split('\n');
  let answered = 0;
  let unsynced = false;
  /** Of the sync that began after the last write to the log, by the thread that does it. */
  const begun = new Set<string>();
  for (const call of calls) {
    const thread = call.slice(0, call.indexOf(' '));
    if (/pwrite(?:64|v)\(\d+<[^>]*-wal>/.test(call)) {
      unsynced = true;
      begun.clear();
    } else if (/f(?:data)?sync\(\d+<[^>]*-wal>/.test(call)) {
      if (call.includes('unfinished')) begun.add(thread);
      else unsynced = false;
    } else if (/f(?:data)?sync resumed/.test(call)) {
      if (begun.has(thread)) unsynced = false;
    } else if (call.includes('answered')) {
      answered++;
      assert.equal(unsynced, false, `write ${answered} was answered before it was durable`);
    }
  }
  assert.equal(answered, 2 * WRITES);
});

const url = (path: string): string => JSON.stringify(new URL(`../../src/store/${path}`, import.meta.url).href);

const writer = (file: string): string => `
  import { writeSync } from 'node:fs';
  import { openDatabase } from ${url('database.ts')};
  import { migrate } from ${url('migrate.ts')};
  import { putSetting } from ${url('settings.ts')};
  import { transact } from ${url('transact.ts')};
  const db = await openDatabase({ file: ${JSON.stringify(file)} });
  await migrate(db);
  for (let i = 0; i < ${WRITES}; i++) {
    await putSetting(db, { tenantId: 'default', key: 'k' + i }, 'v');
    writeSync(1, 'answered\\n');
    await transact(db, async (trx) => {
      await putSetting(trx, { tenantId: 'default', key: 'a' + i }, 'v');
      await putSetting(trx, { tenantId: 'default', key: 'b' + i }, 'v');
    });
    writeSync(1, 'answered\\n');
  }
  await db.destroy();
`;
