/** The package as it is published: packed, installed in an empty folder, and used as the README says. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { modernClient, textOf } from '../mcp-client.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

let folder: string;
let program: string;
let packed: { path: string }[];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'toolgate-package-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [pack] = JSON.parse(stdout);
  packed = pack.files;
  await writeFile(join(folder, 'package.json'), '{"private":true}');
  const install = ['install', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline', join(folder, pack.filename)];
  await run('npm', install, { cwd: folder });
  program = join(folder, 'node_modules/.bin/toolgate');
});

after(() => rm(folder, { recursive: true, force: true }));

/** The pinned Node, as an operator who has a recent one would run it. */
const command = (...args: string[]): [string, string[]] => [process.execPath, [program, ...args]];

test('the package holds what runs and what explains it, and nothing else', () => {
  const unexpected = packed
    .map(({ path }) => path)
    .filter((path) => !/^(dist\/|README|LICENSE|CHANGELOG|package\.json)/.test(path));
  assert.deepEqual(unexpected, []);
  assert.ok(packed.some(({ path }) => path === 'dist/notes-server.js'));
  assert.ok(!packed.some(({ path }) => path.endsWith('.ts')));
});

test('the installed command explains itself', async () => {
  const { stdout } = await run(...command('--help'), { cwd: folder });
  assert.match(stdout, /serve/);
});

test('it starts in an empty folder, serves a call to the example server with the printed key, and stops', async () => {
  const child = spawn(...command('serve', '--json', '--port', '0'), {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
    const { endpoint, serviceKey } = JSON.parse(line);
    const client = modernClient(endpoint, serviceKey);
    const listed = async () => (await client.request('tools/list')).message.result.tools.length;
    // The example server is a program that may still be starting.
    while ((await listed()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.match(textOf(await client.request('tools/call', { name: 'notes__list_notes', arguments: {} })), /welcome/);
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
    assert.ok((await readdir(join(folder, 'toolgate-data'))).includes('audit.db'));
  } finally {
    child.kill('SIGKILL');
  }
});
