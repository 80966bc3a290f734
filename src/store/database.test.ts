import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sql } from 'kysely';
import { openDatabase } from './database.ts';
import { migrate } from './migrate.ts';
import { findSetting, putSetting } from './settings.ts';
import { transact } from './transact.ts';

const folder = mkdtempSync(join(tmpdir(), 'toolgate-store-'));
after(() => rmSync(folder, { recursive: true }));

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
const pragma = async (db: Awaited<ReturnType<typeof openDatabase>>, name: string) =>
  Object.values((await sql.raw(`PRAGMA ${name}`).execute(db)).rows[0] as object)[0];

test('the database and its companions are created for the owner alone, whatever the umask', async () => {
  const umask = process.umask(0);
  const dataDir = join(folder, 'private', 'data');
  const db = await openDatabase({ file: join(dataDir, 'toolgate.db') });
  try {
    await migrate(db);
    assert.equal(modeOf(dataDir), '700');
    const files = readdirSync(dataDir);
    assert.ok(files.includes('toolgate.db') && files.includes('toolgate.db-wal'), files.join());
    for (const file of files) assert.equal(modeOf(join(dataDir, file)), '600', file);
  } finally {
    process.umask(umask);
    await db.destroy();
  }
});

test('a database file that others could read is closed to them', async () => {
  const file = join(folder, 'open.db');
  await (await openDatabase({ file })).destroy();
  chmodSync(file, 0o644);
  await (await openDatabase({ file })).destroy();
  assert.equal(modeOf(file), '600');
});

test('commits go to a write-ahead log, and foreign keys are held', async () => {
  const db = await openDatabase({ file: join(folder, 'pragmas.db') });
  try {
    assert.equal(await pragma(db, 'journal_mode'), 'wal');
    assert.equal(await pragma(db, 'synchronous'), 1);
    assert.equal(await pragma(db, 'foreign_keys'), 1);
    assert.equal(await pragma(db, 'trusted_schema'), 0);
  } finally {
    await db.destroy();
  }
});

test('what was written is there after closing and opening again', async () => {
  const file = join(folder, 'again.db');
  const ref = { tenantId: 'default', key: 'k' };
  const first = await openDatabase({ file });
  await migrate(first);
  await putSetting(first, ref, 'v');
  await first.destroy();
  const second = await openDatabase({ file });
  await migrate(second);
  assert.equal(await findSetting(second, ref), 'v');
  await second.destroy();
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('again.db')),
    ['again.db'],
    'closing folds the log into the database',
  );
});

test('a file that is no database, and a folder that is a file, are refused with advice', async () => {
  const file = join(folder, 'not-a-database.db');
  writeFileSync(file, 'This is a letter to my aunt.'.repeat(100));
  await assert.rejects(openDatabase({ file }), /not-a-database\.db cannot be opened: .*(Restore it from a backup)/);
  await assert.rejects(openDatabase({ file: join(file, 'x.db') }), /cannot be opened: .*not-a-database\.db/);
});

test('another process that holds the write lock makes a write fail with a clear cause, not corrupt anything', async () => {
  const file = join(folder, 'shared.db');
  const [one, two] = [await openDatabase({ file }), await openDatabase({ file })];
  try {
    await migrate(one);
    await sql`PRAGMA busy_timeout = 1`.execute(two);
    const ref = { tenantId: 'default', key: 'k' };
    await transact(one, async (trx) => {
      await putSetting(trx, ref, 'one');
      await assert.rejects(
        async () => {
          await two
            .insertInto('settings')
            .values({ tenant_id: 'default', key: 'x', value: '', updated_at: 1 })
            .execute();
        },
        { errcode: 5 },
      );
    });
    assert.equal(await findSetting(two, ref), 'one');
    await putSetting(two, ref, 'two');
    assert.equal(await findSetting(one, ref), 'two');
  } finally {
    await one.destroy();
    await two.destroy();
  }
});

test('a transaction that reads first cannot be overtaken by another process before it writes', async () => {
  const file = join(folder, 'overtaken.db');
  const [one, two] = [await openDatabase({ file }), await openDatabase({ file })];
  try {
    await migrate(one);
    await sql`PRAGMA busy_timeout = 1`.execute(two);
    const ref = { tenantId: 'default', key: 'k' };
    await transact(one, async (trx) => {
      assert.equal(await findSetting(trx, ref), null);
      await assert.rejects(putSetting(two, ref, 'overtaken'), { errcode: 5 });
      await putSetting(trx, ref, 'one');
    });
    assert.equal(await findSetting(two, ref), 'one');
  } finally {
    await one.destroy();
    await two.destroy();
  }
});

test('a transaction that SQLite itself rolled back fails with what went wrong', async () => {
  const db = await openDatabase({ file: join(folder, 'full.db') });
  try {
    await migrate(db);
    await sql`PRAGMA max_page_count = 60`.execute(db);
    const tooMuch = transact(db, async (trx) => {
      for (let i = 0; i < 500; i++) await putSetting(trx, { tenantId: 'default', key: `k${i}` }, 'x'.repeat(4000));
    });
    await assert.rejects(tooMuch, /database or disk is full/);
    await putSetting(db, { tenantId: 'default', key: 'small' }, 'fits');
    assert.equal(await findSetting(db, { tenantId: 'default', key: 'k0' }), null);
  } finally {
    await db.destroy();
  }
});

test('a killed process loses nothing that it was told is stored, and half a transaction is never seen', async () => {
  const file = join(folder, 'crash.db');
  for (let round = 0; round < 3; round++) {
    const acknowledged = await writeUntilKilled(file, round);
    const db = await openDatabase({ file });
    await migrate(db);
    assert.equal(await pragma(db, 'integrity_check'), 'ok');
    for (const n of acknowledged) {
      assert.equal(await findSetting(db, { tenantId: 'default', key: `${round}-${n}-b` }), 'x', `lost write ${n}`);
    }
    const rows = await db.selectFrom('settings').select('key').execute();
    const halves = rows.map((row) => row.key.slice(0, -2));
    assert.ok(halves.every((half) => halves.filter((other) => other === half).length === 2));
    await db.destroy();
  }
});

/** Writes pairs of settings in another process until it is killed; the numbers of the pairs it acknowledged. */
async function writeUntilKilled(file: string, round: number): Promise<number[]> {
  const here = import.meta.dirname;
  const script = `
    import { openDatabase } from '${here}/database.ts';
    import { migrate } from '${here}/migrate.ts';
    import { putSetting } from '${here}/settings.ts';
    import { transact } from '${here}/transact.ts';
    import { writeSync } from 'node:fs';
    const db = await openDatabase({ file: process.argv[1] });
    await migrate(db);
    for (let n = 0; ; n++) {
      await transact(db, async (trx) => {
        for (const half of ['a', 'b']) {
          await putSetting(trx, { tenantId: 'default', key: process.argv[2] + '-' + n + '-' + half }, 'x');
        }
      });
      writeSync(1, n + '\\n');
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, file, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.includes(`\n${20 + round * 7}\n`)) child.kill('SIGKILL');
  });
  await once(child, 'close');
  assert.equal(child.signalCode, 'SIGKILL');
  return output.split('\n').filter(Boolean).map(Number);
}
