import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CliGateway, createFolder, serveIn, startToolgateProcess, toolgate } from './cli-process.ts';

let folder: Awaited<ReturnType<typeof createFolder>>;
let gateway: CliGateway;
/** The lines of an export that was written while a gateway ran. */
let lines: string[];

before(async () => {
  folder = await createFolder();
  gateway = await serveIn(folder.path);
  for (const name of ['ann', 'bea', 'cleo']) await gateway.run(['user', 'add', name]);
  await writeFile(join(folder.path, 'audit.pem'), (await gateway.run(['audit', 'public-key'])).stdout);
  await writeFile(join(folder.path, 'audit.jsonl'), (await gateway.run(['audit', 'export'])).stdout);
  lines = (await readFile(join(folder.path, 'audit.jsonl'), 'utf8')).trimEnd().split('\n');
});
after(async () => {
  await gateway.stop();
  await folder.remove();
});

/** Offline: with no configuration, no gateway and no key. */
async function verify(changed: readonly string[] | string, ...options: string[]) {
  const input = typeof changed === 'string' ? changed : `${changed.join('\n')}\n`;
  const words = ['audit', 'verify', '-', '--public-key', join(folder.path, 'audit.pem'), ...options];
  return toolgate(words, { cwd: '/', input });
}

test('an export that nobody touched verifies offline, with the counts', async () => {
  const words = ['audit', 'verify', 'audit.jsonl', '--public-key', 'audit.pem'];
  const { code, stdout } = await toolgate(words, { cwd: folder.path });
  assert.equal(code, 0);
  assert.match(stdout, /^ok {2}\d+ records, \d+ checkpoints?, sealed \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\n/);
});

test('one flipped byte is exit code 1, with line, record and kind', async () => {
  const at = 4;
  const flipped = lines.map((line, index) => (index === at ? line.replace('"time":1', '"time":2') : line));
  const { code, stdout } = await verify(flipped);
  assert.equal(code, 1);
  assert.match(stdout, /^FAULT {2}line 5, record 4 \(aud_\w+_4\): edited\n/);
  const { json } = await verify(flipped, '--json');
  assert.deepEqual([json.ok, json.firstFault.line, json.firstFault.seq, json.firstFault.kind], [false, 5, 4, 'edited']);
});

test('a deleted, moved or cut line is found, and so is a changed line end', async () => {
  const [first, second] = [lines[3]!, lines[4]!];
  const cases: [string[] | string, RegExp][] = [
    [lines.toSpliced(3, 1), /: deleted\n/],
    [lines.toSpliced(3, 2, second, first), /: (reordered|deleted)\n/],
    [lines.slice(0, -2), /: truncated\n/],
    [lines.toSpliced(3, 1, `${first}\r`), /: (malformed|edited)\n/],
    ['', /: (truncated|malformed)\n/],
  ];
  for (const [changed, kind] of cases) {
    const { code, stdout } = await verify(changed);
    assert.equal(code, 1, String(kind));
    assert.match(stdout, kind);
  }
});

test('an older export is found out by a checkpoint that was kept', async () => {
  await gateway.run(['user', 'add', 'dora']);
  const { stdout } = await gateway.run(['audit', 'checkpoint']);
  await writeFile(join(folder.path, 'kept'), stdout);
  const { code, stdout: report } = await verify(lines, '--expect', join(folder.path, 'kept'));
  assert.equal(code, 1);
  assert.match(report, /truncated/);
});

test('a missing file and a wrong key file are errors, not faults', async () => {
  const options = { cwd: folder.path };
  const missing = await toolgate(['audit', 'verify', 'no.jsonl', '--public-key', 'audit.pem'], options);
  assert.deepEqual([missing.code, missing.stderr], [1, 'error: no.jsonl cannot be read: there is no such file.\n']);
  const wrong = await toolgate(['audit', 'verify', 'audit.jsonl', '--public-key', 'audit.jsonl'], options);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^error: audit\.jsonl holds no public key/);
});

test('search finds by what was done and to what, newest first', async () => {
  const { json } = await gateway.run([
    'audit',
    'search',
    '--action',
    'user.create',
    '--from',
    '1h',
    '--limit',
    '2',
    '--json',
  ]);
  assert.equal(json.length, 2);
  assert.ok(json[0].seq > json[1].seq);
  const { stdout } = await gateway.run(['audit', 'search', '--tool', 'ann']);
  assert.match(
    stdout,
    /^TIME +WHO +ACTION +WHAT +RESULT\n\S+ \S+Z {2}owner · first owner key {2}user\.create {2}ann {3}ok\n$/,
  );
});

test('tail -f shows what happens as it happens', async () => {
  const env = { TOOLGATE_URL: gateway.url, TOOLGATE_KEY: gateway.ownerKey };
  const tail = startToolgateProcess(['audit', 'tail', '-f', '-n', '1'], { cwd: folder.path, env });
  await tail.until(/TIME/);
  await gateway.run(['group', 'add', 'followed']);
  await tail.until(/group\.create +followed +ok/);
  assert.equal(await tail.stop('SIGINT'), 0);
});

test('with --json tail gives each record as one line', async () => {
  const { stdout } = await gateway.run(['audit', 'tail', '-n', '4', '--json']);
  const records = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(records.length, 4);
  assert.equal(records[3].seq, records[0].seq + 3);
});
