import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { mayColour } from './style.ts';
import { createTerminal } from './terminal.ts';

function atTerminal(env: Record<string, string> = { TERM: 'xterm' }) {
  const tty = () => Object.assign(new PassThrough(), { isTTY: true, columns: 72 });
  const [stdin, stdout, stderr] = [tty(), tty(), tty()];
  return { terminal: createTerminal({ stdin, stdout, stderr, env }), stdin, stdout, stderr };
}

test('colours are for terminals, and never against NO_COLOR', () => {
  assert.equal(mayColour({ isTTY: true }, {}), true);
  assert.equal(mayColour({ isTTY: true }, { NO_COLOR: '1' }), false);
  assert.equal(mayColour({ isTTY: true }, { TERM: 'dumb' }), false);
  assert.equal(mayColour({}, {}), false);
});

test('the width is known at a terminal only', () => {
  assert.equal(atTerminal().terminal.columns, 72);
  const { terminal } = {
    terminal: createTerminal({
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      env: {},
    }),
  };
  assert.equal(terminal.columns, null);
  assert.equal(terminal.interactive, false);
});

test('only y and yes are a yes', async () => {
  for (const [answer, expected] of [
    ['y', true],
    ['YES', true],
    ['', false],
    ['yeah', false],
    ['n', false],
  ] as const) {
    const { terminal, stdin } = atTerminal();
    const asked = terminal.confirm('Really?');
    stdin.write(`${answer}\n`);
    assert.equal(await asked, expected, answer);
  }
});

test('a hidden answer is shown nowhere', async () => {
  const { terminal, stdin, stdout, stderr } = atTerminal();
  const asked = terminal.askHidden('Value:');
  stdin.write('canary\n');
  assert.equal(await asked, 'canary');
  const shown = `${stdout.read() ?? ''}${stderr.read() ?? ''}`;
  assert.match(shown, /^Value: /);
  assert.ok(!shown.includes('canary'));
});
