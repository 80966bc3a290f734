import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import type { AppError } from '../errors/app-error.ts';
import { checkInput, type InputFault } from './check-input.ts';

const schema = z.strictObject({
  name: z.string().min(1, 'Write a name.'),
  limits: z.strictObject({ timeoutMs: z.int() }).optional(),
  rules: z.array(z.strictObject({ upstream: z.string() })).default([]),
  secret: z
    .string()
    .superRefine((_, ctx) =>
      ctx.addIssue({ code: 'custom', message: 'Not this one.', params: { fix: 'Take another.' } }),
    )
    .optional(),
});

function faultsOf(value: unknown): { message: string; errors: readonly InputFault[] } {
  try {
    checkInput(schema, value, 'unprocessable', 'The body');
  } catch (error) {
    const { message, data } = error as AppError;
    return { message, errors: data?.errors as InputFault[] };
  }
  throw new Error('accepted');
}

test('what is right is given out as the schema has it', () => {
  assert.deepEqual(checkInput(schema, { name: 'a' }, 'unprocessable', 'The body'), { name: 'a', rules: [] });
});

test('all faults are listed, each with its path', () => {
  const { errors } = faultsOf({ name: '', limits: { timeoutMs: 'x' }, rules: [{ upstream: 'a' }, { upstream: 1 }] });
  assert.deepEqual(
    errors.map((fault) => fault.path),
    ['name', 'limits.timeoutMs', 'rules[1].upstream'],
  );
});

test('a member that is not known is named, with the one that was meant or with all there are', () => {
  const { errors } = faultsOf({
    name: 'a',
    rule: [],
    limits: { timeoutMs: 1, timeout: 2 },
    rules: [{ upstream: 'a', x: 1 }],
  });
  assert.deepEqual(Object.fromEntries(errors.map(({ path, message }) => [path, message])), {
    rule: 'There is no such member; did you mean `rules`?',
    'limits.timeout': 'There is no such member; did you mean `timeoutMs`?',
    'rules[0].x': 'There is no such member; known here: `upstream`.',
  });
});

test('what to do about it is said, and the value is not repeated', () => {
  const { errors, message } = faultsOf({ name: 'a', secret: 'canary' });
  assert.deepEqual(errors, [{ path: 'secret', message: 'Not this one. Take another.' }]);
  assert.doesNotMatch(message, /canary/);
});

test('of many faults the first are listed and the rest are counted', () => {
  const { errors, message } = faultsOf({ name: 'a', rules: Array.from({ length: 80 }, () => ({ upstream: 1 })) });
  assert.equal(errors.length, 50);
  assert.match(message, /30 more/);
});
