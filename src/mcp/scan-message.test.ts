import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../errors/app-error.ts';
import { scanMessage } from './scan-message.ts';
import { splice } from './splice.ts';

const limits = { depth: 64 };
const scan = (text: string | Buffer) => scanMessage(Buffer.isBuffer(text) ? text : Buffer.from(text), limits);
const call = (params: string) => `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":${params}}`;

test('the spans cover exactly the bytes of the tracked values', () => {
  const text = ` { "jsonrpc" : "2.0", "id" : "a\\"b" , "method":"tools/call",
    "params": { "arguments": {"name":"inner","_meta":{"progressToken":9}}, "name" : "tö_ol" ,"_meta":{"x":{"progressToken":1},"progressToken": 5 } } }`;
  const bytes = Buffer.from(text);
  const { spans } = scan(bytes);
  const at = (name: keyof typeof spans) => bytes.subarray(...spans[name]!).toString();
  assert.equal(at('id'), '"a\\"b"');
  assert.equal(at('method'), '"tools/call"');
  assert.equal(at('name'), '"tö_ol"');
  assert.equal(at('progressToken'), '5');
  assert.equal(at('arguments'), '{"name":"inner","_meta":{"progressToken":9}}');
  assert.equal(JSON.parse(at('params')).name, 'tö_ol');
});

test('splicing changes the named values and no other byte', () => {
  const bytes = Buffer.from(call('{"name":"jira__create","arguments":{"n":90071992547409931234,"e":1.0e2}}'));
  const { spans } = scan(bytes);
  const out = splice(bytes, [
    { span: spans.name!, text: '"create"' },
    { span: spans.id!, text: '"g1"' },
  ]);
  assert.equal(
    out.toString(),
    '{"jsonrpc":"2.0","id":"g1","method":"tools/call","params":{"name":"create","arguments":{"n":90071992547409931234,"e":1.0e2}}}',
  );
});

const refused: [name: string, body: string | Buffer, code: string][] = [
  ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 'invalid_message'],
  ['a duplicate envelope member', '{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}', 'parse_error'],
  ['a duplicate name', call('{"name":"read","name":"delete"}'), 'parse_error'],
  ['a duplicate spelt with an escape', call('{"name":"read","n\\u0061me":"delete"}'), 'parse_error'],
  ['a duplicate deep in the arguments', call('{"name":"x","arguments":{"a":[{"b":1,"b":2}]}}'), 'parse_error'],
  ['an escaped protocol member', call('{"n\\u0061me":"read"}'), 'invalid_message'],
  ['a member that differs by case', '{"jsonrpc":"2.0","id":1,"Method":"ping"}', 'invalid_message'],
  ['a member that folds to params', '{"jsonrpc":"2.0","id":1,"method":"x","paramſ":{}}', 'invalid_message'],
  ['a member with a dotless i', '{"jsonrpc":"2.0","ıd":1,"method":"x"}', 'invalid_message'],
  ['Name beside name', call('{"name":"read","Name":"delete"}'), 'invalid_message'],
  ['NUL in a name', call('{"name":"re\\u0000ad"}'), 'invalid_message'],
  ['NUL in a member name', call('{"name":"x","arguments":{"a\\u0000":1}}'), 'invalid_message'],
  ['a null id', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 'invalid_message'],
  ['a fractional id', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', 'invalid_message'],
  ['an id beyond 2^53', '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}', 'invalid_message'],
  ['array params', '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', 'invalid_message'],
  ['another jsonrpc version', '{"jsonrpc":"1.0","id":1,"method":"ping"}', 'invalid_message'],
  ['a method and a result', '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}', 'invalid_message'],
  ['neither method nor result', '{"jsonrpc":"2.0","id":1}', 'invalid_message'],
  ['a scalar', '"hello"', 'invalid_message'],
  ['nothing', '', 'parse_error'],
  ['bytes after the document', '{"jsonrpc":"2.0","method":"x"}{}', 'parse_error'],
  ['a byte order mark', '\ufeff{"jsonrpc":"2.0","method":"x"}', 'parse_error'],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'parse_error'],
  ['a million brackets', '['.repeat(1_000_000), 'invalid_message'],
  [
    'an object that nests too deep',
    call(`{"name":"x","arguments":${'{"a":'.repeat(70)}1${'}'.repeat(70)}}`),
    'invalid_message',
  ],
];

for (const [name, body, code] of refused) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => scan(body),
      (error) => error instanceof AppError && error.code === code,
    );
  });
}

test('a member named __proto__ changes no prototype', () => {
  const { message } = scan(call('{"name":"x","arguments":{"__proto__":{"admin":true}}}'));
  assert.equal(({} as { admin?: boolean }).admin, undefined);
  assert.equal('admin' in message, false);
});

test('property: of any JSON document the scan finds the spans that the parser confirms, and no more members', () => {
  const json = fc.json({ maxDepth: 6 });
  fc.assert(
    fc.property(json, fc.string(), fc.oneof(fc.integer(), fc.string()), (args, name, id) => {
      const text = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"tools/call","params":{"name":${JSON.stringify(name)},"x":{"v":${args}}}}`;
      const bytes = Buffer.from(text);
      let scanned: ReturnType<typeof scan>;
      try {
        scanned = scan(bytes);
      } catch (error) {
        assert.ok(error instanceof AppError);
        return;
      }
      assert.deepEqual(JSON.parse(bytes.subarray(...scanned.spans.name!).toString()), name);
      assert.deepEqual(JSON.parse(bytes.subarray(...scanned.spans.id!).toString()), id);
    }),
  );
});

test('property: any bytes are read or refused with an AppError', () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '\\',
    '"method"',
    '"id"',
    '1',
    'null',
    ' ',
    '\n',
    'é',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(pieces).map((p) => Buffer.from(p.join(''))),
      ),
      (bytes) => {
        try {
          scan(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof AppError);
        }
      },
    ),
    { numRuns: 1000 },
  );
});
