import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { memberSpan } from './member-span.ts';

test('property: the span of a member is exactly its value', () => {
  const key = fc.constantFrom('a', 'b', '_meta', 'a"', 'ü');
  fc.assert(
    fc.property(
      fc.dictionary(key, fc.jsonValue({ maxDepth: 3 })),
      key,
      fc.constantFrom(undefined, 1),
      (object, name, indent) => {
        const bytes = Buffer.from(JSON.stringify({ before: object, it: object }, null, indent));
        const outer = memberSpan(bytes, [0, bytes.length], 'it')!;
        assert.deepEqual(JSON.parse(bytes.toString('utf8', ...outer)), JSON.parse(JSON.stringify(object)));
        const span = memberSpan(bytes, outer, name);
        if (name === 'a"' || !Object.hasOwn(object, name)) assert.equal(span, undefined);
        else assert.deepEqual(JSON.parse(bytes.toString('utf8', ...span!)), JSON.parse(JSON.stringify(object[name])));
      },
    ),
    { numRuns: 1000 },
  );
});

test('a member of an inner object and a string that looks like one are not found', () => {
  const bytes = Buffer.from('{"x":{"id":1},"y":"\\"id\\":2","z":["id",3]}');
  assert.equal(memberSpan(bytes, [0, bytes.length], 'id'), undefined);
});
