import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import { CliError } from './cli-error.ts';
import { reportError } from './report-error.ts';
import { createTerminal } from './terminal.ts';

function report(error: unknown, json = false) {
  const stderr = new PassThrough();
  const terminal = createTerminal({ stdin: new PassThrough(), stdout: new PassThrough(), stderr, env: {} });
  const exitCode = reportError(error, { terminal, json });
  return { exitCode, text: String(stderr.read()) };
}

test('an error is one line that says what is wrong', () => {
  assert.deepEqual(report(new CliError('There is no user x.')), { exitCode: 1, text: 'error: There is no user x.\n' });
  assert.equal(report(new AppError('not_found', 'Gone.')).text, 'error: Gone.\n');
});

test('with --json it is one line of JSON with the code', () => {
  const { text } = report(new CliError('Gone.', { data: { code: 'not_found' } }), true);
  assert.deepEqual(JSON.parse(text), { error: { message: 'Gone.', code: 'not_found' } });
});

test('an access key in an error is not printed, and control characters are escaped', () => {
  const { text } = report(new CliError(`bad tgp_${'a'.repeat(49)} \u001b[31mred`));
  assert.equal(text, 'error: bad tgp_… \\u001b[31mred\n');
});

test('a fault of Toolgate itself shows where it happened', () => {
  assert.match(
    report(new TypeError('x is not a function')).text,
    /fault of Toolgate.*x is not a function[\s\S]*report-error\.test/,
  );
});
