import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLineReader } from './line-reader.ts';

function read(bytes: Buffer, cuts: readonly number[], maxBytes: number): string[] {
  const out: string[] = [];
  const reader = createLineReader({
    maxBytes,
    onLine: (line) => out.push(line.toString('latin1')),
    onOversize: (edges) => out.push(`! ${edges}`),
  });
  let at = 0;
  for (const cut of [...cuts.map((c) => c % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    reader.push(bytes.subarray(at, cut));
    at = Math.max(at, cut);
  }
  return out;
}

test('lines end with LF or CRLF; empty ones and an unfinished one are passed over', () => {
  assert.deepEqual(read(Buffer.from('one\r\ntwo\n\n\r\nthree\nrest'), [], 100), ['one', 'two', 'three']);
});

test('a line over the limit is thrown away, and its edges tell what it was', () => {
  const long = `{"id":5,${'x'.repeat(2000)}"end":1}`;
  const [edges, next] = read(Buffer.from(`${long}\nok\n`), [100, 900, 1500], 1000);
  assert.ok(edges!.startsWith('! {"id":5,') && edges!.endsWith('"end":1}') && edges!.length < 600);
  assert.equal(next, 'ok');
});

test('property: how the stream is cut changes nothing, as long as no line is too long', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', '\n', '\r\n', 'bcd', '\r'), { maxLength: 60 }),
      fc.array(fc.nat(200)),
      (parts, cuts) => {
        const bytes = Buffer.from(`${parts.join('')}\n`);
        assert.deepEqual(read(bytes, cuts, 1000), read(bytes, [], 1000));
      },
    ),
  );
});
