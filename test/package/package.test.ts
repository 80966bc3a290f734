/** The package as it is published: packed, installed in an empty folder, and used as the README says. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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
  const settings = await run(...command('config', 'docs'), { cwd: folder });
  assert.match(settings.stdout, /^# Configuration\n[\s\S]*`audit\.deadlineMs`/);
});

/** As a shell runs it: by its own first line, with the pinned Node as the only one in PATH. */
const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, HOME: tmpdir(), NO_COLOR: '1' };

test('the shell runs it by its name, and it knows its version', async () => {
  const { stdout } = await run(program, ['--version'], { cwd: folder, env });
  const { version } = (await import('../../package.json', { with: { type: 'json' } })).default;
  assert.equal(stdout.trim(), version);
});

test('an older Node is told what is missing, in one line', async (t) => {
  const older = '/usr/bin/node';
  const { stdout } = await run(older, ['--version']).catch(() => ({ stdout: '' }));
  const major = Number(/^v(\d+)\./.exec(stdout)?.[1] ?? 99);
  if (major < 18 || major >= 24) return t.skip(`needs an older Node at ${older}`);
  const failed = await run(older, [program, 'serve'], { cwd: folder }).catch((error) => error);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /^Toolgate needs Node 24\.12 or newer; this is Node \S+\n$/);
});

test('an installation takes 60 MB at most, without Node', async (t) => {
  const bytes = await sizeOf(join(folder, 'node_modules'));
  t.diagnostic(
    `installed: ${(bytes / 1e6).toFixed(1)} MB, ${(await sizeOf(join(folder, 'node_modules/toolgate'))) / 1e6} of them its own`,
  );
  assert.ok(bytes < 60e6, `${bytes} bytes`);
});

/** Whole blocks, as the file system gives them out. */
async function sizeOf(path: string): Promise<number> {
  const stat = await lstat(path);
  if (!stat.isDirectory()) return stat.blocks * 512;
  const inside = await Promise.all((await readdir(path)).map((name) => sizeOf(join(path, name))));
  return inside.reduce((sum, size) => sum + size, stat.blocks * 512);
}

test('what the banner of the first start shows can be used as it stands', async () => {
  const cwd = join(folder, 'banner');
  await mkdir(cwd);
  const child = spawn(program, ['serve', '--port', '0'], { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    let banner = '';
    for await (const chunk of child.stdout) {
      banner += chunk;
      if (/--help\s*$/.test(banner)) break;
    }
    const shown = (pattern: RegExp): string => pattern.exec(banner)?.[1] ?? assert.fail(`${pattern}\n${banner}`);
    const endpoint = shown(/MCP endpoint +(\S+)/);
    const client = modernClient(endpoint, shown(/Service key +(tgs_\w+)/));
    const call = () => client.request('tools/call', { name: 'notes__list_notes', arguments: {} });
    while ((await call()).message.result === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.match(textOf(await call()), /welcome/);
    const asOwner = { ...env, TOOLGATE_KEY: shown(/Owner key +(tgp_\w+)/), TOOLGATE_URL: new URL(endpoint).origin };
    const { stdout } = await run(program, ['upstream', 'list', '--json'], { cwd, env: asOwner });
    assert.match(stdout, /"notes"/);
    child.kill('SIGTERM');
    assert.equal((await once(child, 'exit'))[0], 0);
    // The owner's command line also works on the data folder alone.
    const searched = await run(program, ['audit', 'search', '--json'], { cwd, env });
    assert.match(searched.stdout, /list_notes/);
  } finally {
    child.kill('SIGKILL');
  }
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
