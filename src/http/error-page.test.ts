import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import { CATALOG, type ErrorCode } from '../errors/catalog.ts';
import { errorPage, errorPagePath } from './error-page.ts';
import { problemDetails } from './problem-details.ts';

test('every code has a page that says what its problem document says', () => {
  for (const code of Object.keys(CATALOG) as ErrorCode[]) {
    const { type, title, remedy, status } = problemDetails(new AppError(code), 'req_1');
    assert.equal(type, errorPagePath(code));
    assert.deepEqual(errorPage(type.slice('/errors/'.length)), {
      code,
      title,
      remedy,
      status,
      jsonRpcCode: CATALOG[code].rpc,
    });
  }
});

test('what is no code has no page, whatever else an object has members for', () => {
  for (const code of ['', 'no_such', 'constructor', '__proto__', 'toString', 'CONFLICT', 'conflict/'])
    assert.equal(errorPage(code), null);
});
