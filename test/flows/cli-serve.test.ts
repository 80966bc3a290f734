import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { openDatabase } from '../../src/store/database.ts';
import { freePort } from '../free-port.ts';
import { createFolder, MAIN, serveIn, startToolgateProcess, toolgate } from './cli-process.ts';

const exists = (file: string) => access(file).then(...([() => true, () => false] as const));

async function inFolder(work: (path: string) => Promise<void>): Promise<void> {
  const folder = await createFolder();
  try {
    await work(folder.path);
  } finally {
    await folder.remove();
  }
}

test('the first start prints endpoint, both keys and lines for clients; later ones print two lines', () =>
  inFolder(async (cwd) => {
    const first = startToolgateProcess(['serve', '--port', '0'], { cwd });
    const [, endpoint] = await first.until(/MCP endpoint {4}(\S+)\n/);
    await first.until(/--help\n/);
    const banner = first.text.stdout;
    const [, owner] = /Owner key {7}(tgp_[0-9A-Za-z]{49})\n/.exec(banner)!;
    const [, service] = /Service key {5}(tgs_[0-9A-Za-z]{49})\n/.exec(banner)!;
    assert.deepEqual(
      banner.split('\n').filter((line) => line.length > 100 && !line.includes(cwd)),
      [],
    );
    for (const client of ['Claude Code', 'Cursor', 'VS Code', 'MCP Inspector', 'curl'])
      assert.ok(banner.includes(`  ${client}`), client);
    assert.equal(banner.split(owner!).length, 2, 'the owner key stands there once, and in no line for a client');
    assert.ok(banner.includes(`claude mcp add --transport http toolgate ${endpoint} \\`));
    assert.ok(banner.includes(`"Authorization: Bearer ${service}"`));
    assert.equal(await first.stop(), 0);

    const second = startToolgateProcess(['serve', '--port', '0'], { cwd });
    await second.until(/stop with Ctrl-C\n/);
    assert.match(second.text.stdout, /^Toolgate \S+ is ready at http:\/\/127\.0\.0\.1:\d+\/mcp\nData folder .*\n$/);
    assert.equal(await second.stop('SIGINT'), 0);
  }));

test(
  'the curl line that is printed works as it stands, and lists the tools of the example',
  { skip: !(await hasCommand('curl')) },
  () =>
    inFolder(async (cwd) => {
      const serving = startToolgateProcess(['serve', '--port', '0'], { cwd });
      await serving.until(/--help\n/);
      const command = serving.text.stdout.split('\n  curl\n')[1]!.split('\n\n')[0]!;
      let answer = '';
      // The example server starts beside the gateway.
      while (!answer.includes('notes__list_notes')) {
        answer = (await promisify(execFile)('sh', ['-c', command])).stdout;
        assert.ok('result' in JSON.parse(answer), answer);
      }
      await serving.stop();
    }),
);

async function hasCommand(name: string): Promise<boolean> {
  return promisify(execFile)(name, ['--version']).then(...([() => true, () => false] as const));
}

test('the first commands that are printed reach the gateway, wherever it listens', () =>
  inFolder(async (cwd) => {
    const serving = startToolgateProcess(['serve', '--port', '0'], { cwd });
    const [, endpoint] = await serving.until(/MCP endpoint {4}(\S+)\n/);
    const [, url] = await serving.until(
      /Next, with the owner key.*\n\n {2}export TOOLGATE_URL=(\S+)\n.* upstream list\n/,
    );
    assert.equal(`${url}/mcp`, endpoint);
    const [, key] = await serving.until(/Owner key {7}(\S+)\n/);
    const { code } = await toolgate(['upstream', 'list'], { cwd, env: { TOOLGATE_URL: url!, TOOLGATE_KEY: key! } });
    assert.equal(code, 0);
    await serving.stop();
  }));

test('where commands find the gateway by themselves, no address is printed for them', () =>
  inFolder(async (cwd) => {
    const port = await freePort();
    await writeFile(join(cwd, 'toolgate.yaml'), `listen: { port: ${port} }\n`);
    const serving = startToolgateProcess(['serve'], { cwd });
    await serving.until(/--help\n/);
    const [, key] = await serving.until(/Owner key {7}(\S+)\n/);
    assert.doesNotMatch(serving.text.stdout, /TOOLGATE_URL/);
    assert.equal((await toolgate(['upstream', 'list'], { cwd, env: { TOOLGATE_KEY: key! } })).code, 0);
    await serving.stop();
  }));

test('a data folder that commands do not look into is no obstacle to those that are printed', () =>
  inFolder(async (cwd) => {
    const port = await freePort();
    await writeFile(join(cwd, 'toolgate.yaml'), `listen: { port: ${port} }\n`);
    const serving = startToolgateProcess(['serve', '--data-dir', 'elsewhere'], { cwd });
    await serving.until(new RegExp(`export TOOLGATE_URL=http://127\\.0\\.0\\.1:${port}\n`));
    await serving.stop();
  }));

test('the first configuration declares the example, and only its owner may read it', () =>
  inFolder(async (cwd) => {
    const gateway = await serveIn(cwd);
    const file = join(cwd, 'toolgate-data', 'toolgate.yaml');
    assert.match(
      await readFile(file, 'utf8'),
      /- name: notes\n {4}command: \[".*node.*",".*examples\/notes-server\.ts"\]/,
    );
    const [, words] = /Everything that can be set:\n# .* (config \w+)\n/.exec(await readFile(file, 'utf8'))!;
    const { code, stdout } = await toolgate(words!.split(' '), { cwd });
    assert.equal(code, 0, 'what the file refers to is there, wherever it was installed');
    for (const key of ['# Configuration', '`audit.deadlineMs`', '`command`']) assert.ok(stdout.includes(key), key);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(join(cwd, 'toolgate-data'))).mode & 0o777, 0o700);
    await gateway.stop();
  }));

test('a configuration that is there is used, and none is written', () =>
  inFolder(async (cwd) => {
    await writeFile(join(cwd, 'toolgate.yaml'), 'audit: { mode: async }\n');
    const gateway = await serveIn(cwd);
    assert.equal(await exists(join(cwd, 'toolgate-data', 'toolgate.yaml')), false);
    await gateway.stop();
  }));

test('a port in use is one clear error, and the next start still shows the first keys', () =>
  inFolder(async (cwd) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { code, stdout, stderr } = await toolgate(['serve', '--port', String(port), '--log-level', 'error'], { cwd });
    other.close();
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, new RegExp(`^error: Port ${port} on 127\\.0\\.0\\.1 is in use\\. .*--port.*\\n$`));
    const gateway = await serveIn(cwd);
    assert.match(gateway.ownerKey, /^tgp_/);
    await gateway.stop();
  }));

test('two gateways never share a data folder', () =>
  inFolder(async (cwd) => {
    const gateway = await serveIn(cwd);
    const { code, stderr } = await toolgate(['serve', '--port', '0'], { cwd });
    assert.equal(code, 1);
    assert.match(stderr, /^error: Another gateway uses the data folder .*\n$/);
    await gateway.stop();
  }));

test('a data folder that cannot be made is one clear error', () =>
  inFolder(async (cwd) => {
    await writeFile(join(cwd, 'file'), '');
    const { code, stderr } = await toolgate(['serve', '--data-dir', 'file/data'], { cwd });
    assert.equal(code, 1);
    assert.match(stderr, /^error: The data folder .*file\/data cannot be used: .*\n$/);
  }));

test('a data folder of a newer version is refused and left as it is', () =>
  inFolder(async (cwd) => {
    await (await serveIn(cwd)).stop();
    const db = await openDatabase({ file: join(cwd, 'toolgate-data', 'toolgate.db') });
    const row = { version: 999, name: 'later', app_version: '9.9.9', applied_at: 1 };
    await db.insertInto('schema_versions').values(row).execute();
    await db.destroy();
    const { code, stderr } = await toolgate(['serve', '--port', '0', '--log-level', 'error'], { cwd });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^error: The database has schema version 999, written by Toolgate 9\.9\.9; .*Nothing was changed\./,
    );
  }));

test('all faults of the configuration are shown at once, each with its place', () =>
  inFolder(async (cwd) => {
    await writeFile(join(cwd, 'toolgate.yaml'), 'lisen: {}\naudit: { mode: sometimes }\n');
    const { code, stdout, stderr } = await toolgate(['serve', '--port', '99999'], { cwd });
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /has 3 faults:/);
    for (const place of ['toolgate.yaml:1:1', 'toolgate.yaml:2:10', '--port']) assert.ok(stderr.includes(place), place);
  }));

test('no authentication is shouted at the start', () =>
  inFolder(async (cwd) => {
    const serving = startToolgateProcess(['serve', '--port', '0', '--auth', 'none'], { cwd });
    await serving.until(/--help\n/);
    assert.match(serving.text.stdout, /!{70}\n!! {2}AUTHENTICATION IS OFF/);
    await serving.stop();
  }));

test('a Ctrl-C that arrives twice, as npm passes it on, still stops in order', () =>
  inFolder(async (cwd) => {
    const gateway = await serveIn(cwd);
    gateway.child.kill('SIGINT');
    assert.equal(await gateway.stop('SIGINT'), 0);
    assert.match(gateway.text.stderr, /Stopping: calls under way may finish/);
  }));

test('SIGHUP reads the configuration again; one with faults changes nothing', () =>
  inFolder(async (cwd) => {
    const gateway = await serveIn(cwd);
    const file = join(gateway.dataDir, 'toolgate.yaml');
    await appendFile(file, '\nroles:\n  - name: reader\n    allow: [{ upstream: notes, tools: ["read_*"] }]\n');
    gateway.child.kill('SIGHUP');
    await gateway.until(/The configuration was read again\./);
    const { json } = await gateway.run(['role', 'show', 'reader', '--json']);
    assert.equal(json.source, 'file');
    await appendFile(file, 'oops: 1\n');
    gateway.child.kill('SIGHUP');
    await gateway.until(/The configuration was not read again; [\s\S]*`oops` is not a known key/);
    assert.equal((await gateway.run(['role', 'show', 'reader'])).code, 0);
    await gateway.stop();
  }));

test('nothing of what is printed is coloured when it goes into a file', () =>
  inFolder(async (cwd) => {
    const serving = startToolgateProcess(['serve', '--port', '0'], { cwd, env: { TERM: 'xterm-256color' } });
    await serving.until(/--help\n/);
    assert.ok(!serving.text.stdout.includes('\u001b'));
    await serving.stop();
  }));

test('at a terminal the log keeps quiet about checkpoints; where the log is kept, it has them', async (t) => {
  const { path, remove } = await createFolder();
  t.after(remove);
  const kept = await serveIn(path);
  await kept.stop();
  assert.match(kept.text.stderr, /"msg":"audit checkpoint"/);

  if (!(await hasCommand('script'))) return t.skip('needs util-linux');
  const [node, ...words] = [process.execPath, MAIN, 'serve', '--port', '0'].map((word) => `'${word}'`);
  const shell = spawn('script', ['-qec', [node, ...words].join(' '), '/dev/null'], { cwd: path, stdio: 'pipe' });
  t.after(() => shell.kill('SIGKILL'));
  let shown = '';
  for await (const chunk of shell.stdout.setEncoding('utf8')) {
    shown += chunk;
    // As a person presses Ctrl-C.
    if (shown.includes('stop with Ctrl-C')) shell.stdin.end('\u0003');
  }
  assert.match(shown, /Stopping: calls under way may finish/);
  assert.doesNotMatch(shown, /^\{/m, 'no structured line stands between what is printed for people');
});
