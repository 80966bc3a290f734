import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const DEMO = resolve(import.meta.dirname, '../scripts/demo.ts');

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm run demo`, with its temporary files in the folder. */
function runDemo(folder: string): Promise<Run> {
  // Settings of somebody's own gateway must not reach the one of the demo.
  const env = { ...process.env, TMPDIR: folder, TOOLGATE_URL: 'http://127.0.0.1:1', TOOLGATE_AUTH: 'none' };
  return new Promise((done) => {
    execFile(process.execPath, [DEMO], { env }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test('the demo tells its whole story, proves each part, and leaves nothing behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'toolgate-test-'));
  try {
    const { code, stdout, stderr } = await runDemo(folder);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.equal(stderr, '');
    const told = [
      /notes is ready with \d+ tools, tickets is ready with \d+ tools/,
      /✓ \d+ tools for the agent, all of which the engineer has too, and \d+ more for her/,
      /✓ both were answered by the servers themselves/,
      /✓ a forbidden tool and one that does not exist look the same to the caller/,
      /role support does not allow this tool\n +✓ an administrator is told why/,
      /the agent sent +Authorization: Bearer tgs_.*\n +the server received +Authorization: Bearer tickets-key-/,
      /✓ all \d+ requests came with the key from the vault/,
      /its call after +HTTP 401/,
      /✓ the very next call is refused, with a challenge/,
      /✓ all 5 calls of the callers are there, 2 of them as denied/,
      /✓ the export is whole/,
      /FAULT +line \d+, record (\d+) \(aud_[^)]+\): edited[\s\S]*✓ the fault is found, and record \1 is named/,
    ];
    let from = 0;
    for (const part of told) {
      const found = part.exec(stdout.slice(from));
      assert.ok(found, `missing, or told too early: ${part}\n${stdout}`);
      from += found.index + found[0].length;
    }
    assert.ok(!stdout.includes('✗'));
    assert.ok(!stdout.includes('\u001b'), 'colours away from a terminal');
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.length > 100),
      [],
    );
    assert.deepEqual(await readdir(folder), []);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a demo that cannot be given says why and ends with exit code 1', async () => {
  const { code, stderr } = await runDemo('/nowhere/at/all');
  assert.equal(code, 1);
  assert.match(stderr, /The demo failed\..*\/nowhere\/at\/all/);
});
