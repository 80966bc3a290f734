import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError, toAppError } from '../errors/app-error.ts';
import { CATALOG, type ErrorCode } from '../errors/catalog.ts';
import { problemDetails } from './problem-details.ts';

test('the document has the members of RFC 9457, the code, what to do, and the request id', () => {
  assert.deepEqual(problemDetails(new AppError('conflict', 'There is a user ana@example.com already.'), 'req_1'), {
    type: '/errors/conflict',
    title: CATALOG.conflict.title,
    status: 409,
    detail: 'There is a user ana@example.com already.',
    code: 'conflict',
    remedy: CATALOG.conflict.remedy,
    requestId: 'req_1',
  });
});

test('every code has a status of failure and a type of its own', () => {
  const codes = Object.keys(CATALOG) as ErrorCode[];
  const problems = codes.map((code) => problemDetails(new AppError(code), 'req_1'));
  for (const { status } of problems) assert.ok(status >= 400 && status < 600, String(status));
  assert.equal(new Set(problems.map(({ type }) => type)).size, codes.length);
});

test('extra members are added but replace nothing', () => {
  const error = new AppError('unprocessable', 'No.', {
    data: { fields: ['name'], status: 200, code: 'x', type: 'evil' },
  });
  const problem = problemDetails(error, 'req_1');
  assert.deepEqual([problem.fields, problem.status, problem.code], [['name'], 422, 'unprocessable']);
  assert.match(problem.type, /^\/errors\/unprocessable$/);
});

test('the cause of an unexpected error stays inside', () => {
  const problem = problemDetails(toAppError(new Error('SELECT canary FROM secrets')), 'req_1');
  assert.equal(problem.status, 500);
  assert.doesNotMatch(JSON.stringify(problem), /canary/);
});
