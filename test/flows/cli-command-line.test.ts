import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { runCli } from '../../src/cli/run-cli.ts';
import { createFolder, toolgate } from './cli-process.ts';

let folder: Awaited<ReturnType<typeof createFolder>>;
before(async () => {
  folder = await createFolder();
});
after(() => folder.remove());

const run = (...args: string[]) => toolgate(args, { cwd: folder.path });

/** In this process, for what needs no gateway and is asked for often. */
async function inProcess(...argv: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runCli({ argv, env: {}, cwd: folder.path, stdin: new PassThrough(), stdout, stderr });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

const commandsIn = (help: string): string[] => {
  const listed = help.split(/\n(?=Commands:|[A-Z][a-z ]+:\n {2}[a-z])/).slice(1);
  const isGroup = (part: string) => !/^(Options|Global Options|Arguments|Examples):/.test(part);
  return listed
    .filter(isGroup)
    .flatMap((part) => [...part.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map((match) => match[1]!));
};

test('every command has a help text with examples, at most 100 columns wide', async () => {
  const { stdout } = await inProcess('--help');
  const top = commandsIn(stdout);
  assert.ok(top.length >= 14, `found only ${top}`);
  let leaves = 0;
  for (const name of top) {
    const parent = await inProcess(name, '--help');
    assert.equal(parent.code, 0, name);
    const below = commandsIn(parent.stdout);
    for (const words of below.length === 0 ? [[name]] : below.map((verb) => [name, verb])) {
      const { code, stdout: help } = await inProcess(...words, '--help');
      leaves++;
      assert.equal(code, 0, words.join(' '));
      assert.match(help, new RegExp(`Examples:\\n[\\s\\S]*toolgate ${words.join(' ')}`), words.join(' '));
      const wide = help.split('\n').filter((line) => line.length > 100);
      assert.deepEqual(wide, [], words.join(' '));
    }
  }
  assert.ok(leaves >= 38, `found only ${leaves} commands`);
});

test('help can be asked for in front, too', async () => {
  const [front, behind] = [await inProcess('help', 'key', 'create'), await inProcess('key', 'create', '--help')];
  assert.equal(front.code, 0);
  assert.equal(front.stdout, behind.stdout);
});

test('without a command the help is printed', async () => {
  const { code, stdout } = await run();
  assert.equal(code, 0);
  assert.match(stdout, /^Usage: toolgate <command>/);
});

test('--version prints the version of the package', async () => {
  const { code, stdout } = await run('--version');
  assert.equal(code, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('a mistyped command or option is exit code 2, with what was probably meant', async () => {
  for (const [args, meant] of [
    [['srve'], 'serve'],
    [['user', 'lst'], 'list'],
    [['key', 'lsit'], 'list'],
    [['user', 'list', '--jsn'], '--json'],
    [['serve', '--prot', '1'], '--port'],
  ] as const) {
    const { code, stdout, stderr } = await inProcess(...args);
    assert.equal(code, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, new RegExp(`^error: unknown .*\\. Did you mean (.*, )?${meant}\\?\\n$`), args.join(' '));
  }
});

test('a command without its verb prints its help as an error', async () => {
  const { code, stdout, stderr } = await run('user');
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /^Usage: toolgate user/);
});

test('a missing argument is named, on one line', async () => {
  const { code, stderr } = await run('user', 'add');
  assert.deepEqual([code, stderr], [2, "error: missing required argument 'name'\n"]);
});

test('an error is JSON with --json, wherever that stands', async () => {
  for (const args of [
    ['--json', 'user', 'lst'],
    ['user', 'lst', '--json'],
  ]) {
    const { code, stdout, stderr } = await run(...args);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(JSON.parse(stderr).error.message, /unknown command 'lst'/);
  }
});

test('a key that was put into the command line is refused and not repeated', async () => {
  const key = `tgp_${'a'.repeat(49)}`;
  const { code, stdout, stderr } = await run('user', 'list', `--key=${key}`);
  assert.equal(code, 2);
  assert.ok(!`${stdout}${stderr}`.includes(key));
});

test('without a gateway and a data folder it says so, and makes nothing', async () => {
  const { code, stderr } = await run('user', 'list', '--data-dir', 'nowhere', '--json');
  assert.equal(code, 1);
  assert.match(JSON.parse(stderr).error.message, /There is no gateway at .* and no data folder at .*nowhere/);
  const second = await run('user', 'list', '--data-dir', 'nowhere');
  assert.match(second.stderr, /^error: There is no gateway/);
});

test('what is no access key is refused before it is sent anywhere', async () => {
  const options = { cwd: folder.path, env: { TOOLGATE_KEY: 'hunter2', TOOLGATE_URL: 'http://127.0.0.1:9' } };
  const { code, stderr } = await toolgate(['user', 'list'], options);
  assert.equal(code, 1);
  assert.match(stderr, /TOOLGATE_KEY does not hold an access key/);
});

test('a key with a mistyped character is said to have one', async () => {
  const mistyped = 'tgp_LwGzGKs4Lj2H7pOiMYzGLbJPnLpzRSPlyuwLMJyfvni10uT21';
  const options = { cwd: folder.path, env: { TOOLGATE_KEY: mistyped, TOOLGATE_URL: 'http://127.0.0.1:9' } };
  const { code, stderr } = await toolgate(['user', 'list'], options);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: The access key in TOOLGATE_KEY has a typo: its last six characters do not fit the rest/,
  );
  assert.ok(!stderr.includes(mistyped));
});

test('a gateway that does not answer is one line', async () => {
  const key = 'tgp_LwGzGKs4Lj2H7pOiMYzGLbJPnLpzRSPlyuwLMJyfvni10uT20';
  const options = { cwd: folder.path, env: { TOOLGATE_KEY: key, TOOLGATE_URL: 'http://127.0.0.1:9' } };
  const { code, stderr } = await toolgate(['user', 'list'], options);
  assert.equal(code, 1);
  assert.match(stderr, /^error: The gateway at http:\/\/127\.0\.0\.1:9 does not answer: .+\.\n$/);
});
