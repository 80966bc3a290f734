import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { linesOf } from './lines-of.ts';

async function read(...chunks: (string | Buffer)[]): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(Readable.from(chunks.map((chunk) => Buffer.from(chunk))))) lines.push(line);
  return lines;
}

test('only a line feed ends a line, so that a changed line end is seen', async () => {
  assert.deepEqual(await read('a\r\nb\u2028c\rd\n'), ['a\r', 'b\u2028c\rd', '']);
});

test('characters and lines may be split over chunks', async () => {
  const bytes = Buffer.from('ä\nb');
  assert.deepEqual(await read(bytes.subarray(0, 1), bytes.subarray(1)), ['ä', 'b']);
});

test('a byte order mark stays, since it is a change', async () => {
  assert.deepEqual(await read('\ufeffa'), ['\ufeffa']);
});
