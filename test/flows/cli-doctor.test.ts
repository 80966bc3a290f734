import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { type CliRun, createFolder, serveIn, toolgate } from './cli-process.ts';

interface Finding {
  readonly check: string;
  readonly level: string;
  readonly detail: string;
  readonly fix?: string;
}

async function inFolder(work: (path: string) => Promise<void>): Promise<void> {
  const folder = await createFolder();
  try {
    await work(folder.path);
  } finally {
    await folder.remove();
  }
}

/** A data folder that a gateway has used; it listens on no fixed port, so that none can be in use. */
async function used(cwd: string): Promise<string> {
  const gateway = await serveIn(cwd);
  await gateway.run(['user', 'add', 'ann']);
  await gateway.stop();
  return gateway.dataDir;
}

/** Whether there is a way to the internet is not what these tests are about. */
const ENV = { TOOLGATE_LISTEN_PORT: '0', TOOLGATE_OAUTH_CLIENTS_METADATA_DOCUMENTS_ENABLED: 'false' };

const doctor = (cwd: string, env: Record<string, string> = {}) =>
  toolgate(['doctor', '--json'], { cwd, env: { ...ENV, ...env } });

const found = ({ json }: CliRun, check: string): Finding => json.find((finding: Finding) => finding.check === check);

test('before the first start everything is ready for it, and doctor makes nothing', () =>
  inFolder(async (cwd) => {
    const run = await doctor(cwd);
    assert.equal(run.code, 0);
    assert.match(found(run, 'data folder').detail, /will be created at the first start/);
    assert.deepEqual(new Set(run.json.map((finding: Finding) => finding.level)), new Set(['ok']));
  }));

test('a healthy data folder is ok line by line', () =>
  inFolder(async (cwd) => {
    await used(cwd);
    const { code, stdout } = await toolgate(['doctor'], { cwd, env: ENV });
    assert.equal(code, 0, stdout);
    for (const check of [
      'node',
      'configuration',
      'data folder',
      'disk space',
      'master key',
      'database',
      'vault',
      'audit log',
      'clock',
    ]) {
      assert.match(stdout, new RegExp(`^ok {4}${check} +\\S`, 'm'), check);
    }
    assert.match(stdout, /\n\d+ ok, 0 to look at, 0 failed\n$/);
  }));

test('a running gateway is checked with its public address and its upstreams', () =>
  inFolder(async (cwd) => {
    const gateway = await serveIn(cwd);
    const run = await gateway.run(['doctor', '--json']);
    assert.equal(found(run, 'gateway').level, 'ok');
    assert.match(found(run, 'upstream notes').level, /ok|warn/);
    const { port } = new URL(gateway.url);
    const local = await doctor(cwd, { TOOLGATE_LISTEN_PORT: port });
    assert.equal(found(local, 'public URL').level, 'ok');
    assert.match(found(local, 'upstreams').fix!, /TOOLGATE_KEY/);
    await gateway.stop();
  }));

test('a configuration file that the running gateway has refused, or not read, is pointed out', () =>
  inFolder(async (cwd) => {
    const gateway = await serveIn(cwd);
    const file = join(gateway.dataDir, 'toolgate.yaml');
    const reload = async (): Promise<Finding | undefined> => {
      const run = await gateway.run(['doctor', '--json']);
      return run.json.find(({ check, level }: Finding) => check === 'configuration' && level === 'warn');
    };
    assert.equal(await reload(), undefined);
    await writeFile(file, '');
    gateway.child.kill('SIGHUP');
    await gateway.until(/was not read again; [\s\S]*as if it had been cut off/);
    assert.match((await reload())!.detail, /earlier configuration\. In the file no more: notes\.$/);
    await writeFile(file, 'upstreams: []\n');
    gateway.child.kill('SIGHUP');
    await gateway.until(/The configuration was read again/);
    assert.equal(await reload(), undefined);
    await gateway.stop();
  }));

test('each fault of the configuration is a line that says what to do', () =>
  inFolder(async (cwd) => {
    await writeFile(join(cwd, 'toolgate.yaml'), 'lisen: {}\naudit: { mode: sometimes }\n');
    const run = await doctor(cwd);
    assert.equal(run.code, 1);
    assert.equal(run.json.filter((finding: Finding) => finding.level === 'fail').length, 2);
  }));

test('a master key that others can read, or that is weak, fails', () =>
  inFolder(async (cwd) => {
    const dataDir = await used(cwd);
    await chmod(join(dataDir, 'master.key'), 0o644);
    const open = await doctor(cwd);
    assert.equal(open.code, 1);
    assert.match(found(open, 'master key').detail, /chmod 600/);
    const weak = await doctor(cwd, { TOOLGATE_MASTER_KEY_ENV: 'MY_KEY', MY_KEY: 'changeme' });
    assert.match(found(weak, 'master key').detail, /placeholder/);
  }));

test('another master key than the data needs fails', () =>
  inFolder(async (cwd) => {
    const dataDir = await used(cwd);
    await writeFile(
      join(dataDir, 'master.key'),
      Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64'),
    );
    assert.equal(found(await doctor(cwd), 'vault').level, 'fail');
  }));

test('a record of the audit log that was changed fails', () =>
  inFolder(async (cwd) => {
    const dataDir = await used(cwd);
    const db = new DatabaseSync(join(dataDir, 'audit.db'));
    db.exec(`UPDATE records SET line = replace(line, 'ann', 'bob') WHERE line LIKE '%"target":"ann"%'`);
    db.close();
    const run = await doctor(cwd);
    assert.equal(run.code, 1);
    assert.match(found(run, 'audit log').detail, /^Record \d+: Its hash does not follow/);
  }));

test('a data folder that others can look into is pointed out', () =>
  inFolder(async (cwd) => {
    await mkdir(join(cwd, 'toolgate-data'), { mode: 0o755 });
    await chmod(join(cwd, 'toolgate-data'), 0o755);
    const run = await doctor(cwd);
    assert.equal(run.code, 0);
    assert.deepEqual(
      [found(run, 'data folder').level, found(run, 'data folder').fix?.startsWith('Run: chmod 700')],
      ['warn', true],
    );
  }));

test('the documents of clients are asked for, unless they are switched off', () =>
  inFolder(async (cwd) => {
    const env = { TOOLGATE_OAUTH_CLIENTS_METADATA_DOCUMENTS_ENABLED: 'true' };
    // With or without a way out: that there is a line is what counts.
    assert.ok(found(await doctor(cwd, env), 'client documents'));
    assert.equal(found(await doctor(cwd), 'client documents'), undefined);
  }));

test('a port that another program has fails', () =>
  inFolder(async (cwd) => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const run = await doctor(cwd, { TOOLGATE_LISTEN_PORT: String(port) });
    other.close();
    assert.equal(run.code, 1);
    assert.match(found(run, 'port').detail, /another program listens there/);
  }));
