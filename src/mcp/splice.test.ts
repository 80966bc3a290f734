import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { scanStructure } from './json-structure.ts';
import { spansAfter, splice } from './splice.ts';
import { withMeta } from './with-meta.ts';

test('property: the spans computed after a splice are the spans that a new scan finds', () => {
  const word = fc.string();
  fc.assert(
    fc.property(word, word, word, fc.integer(), (id, name, newName, token) => {
      const text = `{"id":${JSON.stringify(id)},"params":{"_meta":{"progressToken":"p"},"name":${JSON.stringify(name)},"arguments":{}},"method":"m"}`;
      const bytes = Buffer.from(text);
      const { spans } = scanStructure(bytes, 9);
      const edits = [
        { span: spans.name!, text: JSON.stringify(newName) },
        { span: spans.id!, text: '42' },
        { span: spans.progressToken!, text: String(token) },
      ];
      assert.deepEqual(spansAfter(spans, edits), scanStructure(splice(bytes, edits), 9).spans);
    }),
  );
});

test('a span inside a replaced one is gone', () => {
  const bytes = Buffer.from('{"params":{"_meta":{"progressToken":1},"name":"x"}}');
  const { spans } = scanStructure(bytes, 9);
  const edits = [{ span: spans.meta!, text: '{}' }];
  assert.equal(spansAfter(spans, edits).progressToken, undefined);
  assert.deepEqual(spansAfter(spans, edits).name, scanStructure(splice(bytes, edits), 9).spans.name);
});

for (const [text, expected] of [
  ['{"method":"ping"}', { method: 'ping', params: { _meta: { a: 1 } } }],
  ['{"method":"ping","params":{ }}', { method: 'ping', params: { _meta: { a: 1 } } }],
  ['{"params":{"x":1},"method":"ping"}', { method: 'ping', params: { _meta: { a: 1 }, x: 1 } }],
  ['{"params":{"_meta":{"b":{}},"x":1}}', { params: { _meta: { a: 1 }, x: 1 } }],
] as const) {
  test(`_meta is set in ${text}`, () => {
    const bytes = Buffer.from(text);
    assert.deepEqual(JSON.parse(withMeta(bytes, scanStructure(bytes, 9).spans, { a: 1 }).toString()), expected);
  });
}
