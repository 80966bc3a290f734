import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { takeWriterLock } from './writer-lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'toolgate-lock-'));
after(() => rmSync(folder, { recursive: true }));

test('one holder at a time; who comes second is told, and can tell it from a broken folder', () => {
  const file = join(folder, 'audit.db');
  const first = takeWriterLock(file);
  assert.throws(
    () => takeWriterLock(file),
    (error: Error) => /Another process/.test(error.message) && (error.cause as { errcode: number }).errcode === 5,
  );
  first.release();
  takeWriterLock(file).release();
  assert.throws(
    () => takeWriterLock(join(folder, 'missing', 'audit.db')),
    (error: Error) => /cannot be opened/.test(error.message) && (error.cause as { errcode: number }).errcode !== 5,
  );
});
