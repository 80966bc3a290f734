import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSseReader, type SseEvent, writeSseEvent } from './sse.ts';

function readIn(stream: Buffer, cuts: readonly number[], maxEventBytes = 1 << 20): SseEvent[] {
  const reader = createSseReader({ maxEventBytes });
  const events: SseEvent[] = [];
  let at = 0;
  for (const cut of [...cuts, stream.length].map((c) => Math.min(c, stream.length)).sort((a, b) => a - b)) {
    events.push(...reader.push(stream.subarray(at, cut)));
    at = cut;
  }
  return events;
}
const plain = (events: SseEvent[]) => events.map(({ id, event, data }) => ({ id, event, data: data?.toString() }));

test('events of every line ending are read, comments and unknown fields ignored', () => {
  const stream = Buffer.from(
    '\ufeff: hi\n\nevent: message\r\nid: 1\r\ndata: {"a":\r\ndata: 1}\r\n\r\nretry: 5\rdata:x\r\rdata\n\n',
  );
  assert.deepEqual(plain(readIn(stream, [])), [
    { id: undefined, event: undefined, data: undefined },
    { id: '1', event: 'message', data: '{"a":\n1}' },
    { id: undefined, event: undefined, data: 'x' },
    { id: undefined, event: undefined, data: '' },
  ]);
});

test('property: the events do not depend on how the stream is cut, and their raw bytes are the stream', () => {
  const line = fc.constantFrom('data: {"x":1}', 'data:ü', 'id: 7', 'event: e', ': c', '', '', 'junk');
  const eol = fc.constantFrom('\n', '\r\n', '\r');
  fc.assert(
    fc.property(fc.array(fc.tuple(line, eol)), fc.array(fc.nat(120)), (lines, cuts) => {
      const stream = Buffer.from(`${lines.map((l) => l.join('')).join('')}\n\n`);
      const whole = readIn(stream, []);
      const cut = readIn(stream, cuts);
      assert.deepEqual(plain(cut), plain(whole));
      assert.equal(Buffer.concat(whole.map((e) => e.raw)).toString(), stream.toString());
    }),
    { numRuns: 500 },
  );
});

test('a byte order mark is no part of the first event, however it is cut', () => {
  const stream = Buffer.from('\ufeffdata: x\n\n\ufeffdata: y\n\n');
  const events = [
    { id: undefined, event: undefined, data: 'x' },
    { id: undefined, event: undefined, data: undefined },
  ];
  for (let cut = 0; cut < 6; cut++) assert.deepEqual(plain(readIn(stream, [cut])), events, `cut at ${cut}`);
  assert.deepEqual(plain(readIn(stream, [1, 2, 3, 4])), events);
});

test('an event over the limit is refused, however it is cut', () => {
  const stream = Buffer.from(`data: ${'x'.repeat(500)}`);
  assert.throws(() => readIn(stream, [], 100), { code: 'upstream_invalid' });
  assert.throws(
    () =>
      readIn(
        stream,
        Array.from({ length: 500 }, (_, i) => i),
        100,
      ),
    { code: 'upstream_invalid' },
  );
});

test('a written event is read back', () => {
  const [event] = readIn(Buffer.from(writeSseEvent({ id: 'a/1', event: 'message', data: '{"ü":1}' })), []);
  assert.deepEqual(plain([event!]), [{ id: 'a/1', event: 'message', data: '{"ü":1}' }]);
});
