/** ContextForge CVE-2026-53709: a sample secret of the documentation was what production ran with. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

/** Known, short, guessable, or no key at all. */
const WEAK: Readonly<Record<string, string>> = {
  'a word of a manual': 'changeme',
  'a longer word of a manual': 'my-test-salt-my-test-salt-my-test',
  empty: '',
  blanks: ' '.repeat(44),
  'sixteen bytes': Buffer.from('0123456789abcdef').toString('base64'),
  'all zeros': Buffer.alloc(32).toString('base64'),
  'one byte repeated': Buffer.alloc(32, 0x41).toString('base64'),
  'counting up': Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('base64'),
  'counting up, in hex': Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('hex'),
  'a pattern': Buffer.from('abcdabcdabcdabcdabcdabcdabcdabcd').toString('base64'),
};

async function serve(dataDir: string, extra: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', '--data-dir', dataDir, ...extra], {
    cwd: dataDir,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let listening = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
      // It came up: that is the fault, and nothing else would end it.
      if (/http:\/\/127\.0\.0\.1:\d+/.test(output)) {
        listening = true;
        child.kill('SIGKILL');
      }
    });
  }
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, output, listening };
}

for (const [what, secret] of Object.entries(WEAK)) {
  test(`the gateway does not start with a master key that is ${what}`, { timeout: 60_000 }, async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'toolgate-test-'));
    try {
      const fromEnv = await serve(dataDir, [], { TOOLGATE_MASTER_KEY_ENV: 'SAMPLE_KEY', SAMPLE_KEY: secret });
      assert.equal(fromEnv.listening, false, fromEnv.output);
      assert.ok(fromEnv.code !== 0 && fromEnv.code !== null, fromEnv.output);
      assert.match(fromEnv.output, /master key|SAMPLE_KEY/i);
      if (secret.trim() !== '') assert.ok(!fromEnv.output.includes(secret), 'the secret is not repeated');

      const file = join(dataDir, 'sample.key');
      await writeFile(file, secret, { mode: 0o600 });
      const fromFile = await serve(dataDir, [], { TOOLGATE_MASTER_KEY_FILE: file });
      assert.equal(fromFile.listening, false, fromFile.output);
      assert.ok(fromFile.code !== 0 && fromFile.code !== null, fromFile.output);
      assert.deepEqual(
        (await readdir(dataDir)).filter((name) => name === 'master.key'),
        [],
        'nothing was generated in its place',
      );
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
}
