import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../errors/app-error.ts';
import { readJson } from './read-json.ts';

const read = (text: string) => readJson(Buffer.from(text)).value;
const refused = (text: string | Buffer) => {
  assert.throws(
    () => readJson(Buffer.from(text as string)),
    (error) => error instanceof AppError && error.code === 'parse_error',
    String(text).slice(0, 60),
  );
};

test('any JSON document that does not nest too deep is read as JSON.parse reads it', () => {
  const document = fc.jsonValue({ maxDepth: 6 }).filter((value) => !JSON.stringify(value).includes('\\u0000'));
  fc.assert(
    fc.property(document, fc.constantFrom(undefined, 2), (value, space) => {
      const text = JSON.stringify(value, null, space);
      if (!text.isWellFormed()) return;
      assert.deepEqual(read(text), JSON.parse(text));
    }),
  );
});

test('an empty body is none, and equal bytes have equal hashes', () => {
  assert.equal(read(''), undefined);
  assert.equal(readJson(Buffer.from('{}')).hash, readJson(Buffer.from('{}')).hash);
  assert.notEqual(readJson(Buffer.from('{}')).hash, readJson(Buffer.from('{ }')).hash);
});

test('a member name that stands twice in one object is refused, however it is written', () => {
  for (const text of ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '[{"b":{"a":1,"a":1}}]', '{"__proto__":1,"__proto__":2}'])
    refused(text);
  assert.deepEqual(read('{"a":{"a":":"},"b":[{"a":1},{"a":2}]}'), { a: { a: ':' }, b: [{ a: 1 }, { a: 2 }] });
});

test('text that is no UTF-8, no JSON, has NUL or nests too deep is refused', () => {
  refused(Buffer.from([0x22, 0xc3, 0x28, 0x22]));
  for (const text of ['{', '{a:1}', 'undefined', '"a\\u0000"', '{"a\\u0000":1}', `${'['.repeat(33)}${']'.repeat(33)}`])
    refused(text);
  assert.doesNotThrow(() => read(`${'['.repeat(32)}${']'.repeat(32)}`));
});

test('brackets and colons inside strings do not count', () => {
  const text = JSON.stringify({ a: '[[[[{{{{:::::'.repeat(20), 'b:\\"': '\\"]' });
  assert.deepEqual(read(text), JSON.parse(text));
});
