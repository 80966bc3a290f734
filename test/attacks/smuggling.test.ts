/**
 * undici CVE-2026-1525 and its many kin: two parsers in a row disagree where a request ends or whom it is for, and so one
 * caller's bytes become another caller's request. Whatever can be read in two ways is refused, over raw sockets here, and
 * what is smuggled in it never runs.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernRequest } from '../mcp-client.ts';
import { exchangeRaw } from '../raw-socket.ts';

let upstream: FakeHttpUpstream;
let gateway: TestGateway;

before(async () => {
  upstream = await startModernUpstream();
  gateway = await startToolgate({ config: { upstreams: [{ name: 'fake', url: upstream.url }] } });
});

after(async () => {
  await gateway.close();
  await upstream.close();
});

interface Parts {
  readonly line?: string;
  /** Whole header lines, in place of the usual framing. */
  readonly framing?: string;
  readonly host?: string;
  readonly authorization?: string;
  readonly body?: string;
}

const echo = (text: string) => modernRequest('tools/call', { name: 'echo', arguments: { text } });
const jsonOf = (text: string): string => JSON.stringify(echo(text).body);
const chunked = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`;

/** One request as a client writes it, with a part of it replaced. */
function raw({ line, framing, host, authorization, body = jsonOf('outer') }: Parts = {}): string {
  const headers = Object.entries(echo('').headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return [
    line ?? 'POST /mcp/fake HTTP/1.1\r\n',
    host ?? `Host: ${new URL(gateway.url).host}\r\n`,
    authorization ?? `Authorization: Bearer ${gateway.serviceKey}\r\n`,
    ...headers,
    'Content-Type: application/json\r\n',
    framing ?? `Content-Length: ${Buffer.byteLength(body)}\r\n`,
    `\r\n${body}`,
  ].join('');
}

/** A complete request with a good key, to hide in another's body. */
const smuggled = (): string => raw({ body: jsonOf('smuggled') });
const length = (text: string): string => `Content-Length: ${Buffer.byteLength(text)}\r\n`;
const TE = 'Transfer-Encoding: chunked\r\n';

/** Refused as a whole: the connection says 400 (or 431, 501, 403) once, and then it is over. */
const REFUSED: Readonly<Record<string, () => string>> = {
  'CL.TE': () => raw({ framing: `Content-Length: 5\r\n${TE}`, body: `0\r\n\r\n${smuggled()}` }),
  'TE.CL': () => raw({ framing: `${TE}Content-Length: 4\r\n`, body: `5c\r\n${smuggled()}\r\n0\r\n\r\n` }),
  'CL.TE with a right chunked body': () =>
    raw({ framing: `Content-Length: 10\r\n${TE}`, body: chunked(jsonOf('outer')) }),
  'two lengths that differ': () => raw({ framing: `Content-Length: 0\r\n${length(smuggled())}`, body: smuggled() }),
  'two lengths that are equal': () => raw({ framing: length(jsonOf('outer')).repeat(2) }),
  'a list of lengths': () => raw({ framing: `Content-Length: 0, ${smuggled().length}\r\n`, body: smuggled() }),
  'a signed length': () => raw({ framing: `Content-Length: +${jsonOf('outer').length}\r\n` }),
  'a negative length': () => raw({ framing: 'Content-Length: -1\r\n' }),
  'a hexadecimal length': () => raw({ framing: 'Content-Length: 0x10\r\n' }),
  'a length with a blank inside': () => raw({ framing: 'Content-Length: 1 0\r\n' }),
  'a length beyond 64 bits': () => raw({ framing: 'Content-Length: 18446744073709551617\r\n' }),
  'a length of no digits': () => raw({ framing: 'Content-Length: \r\n' }),
  'an underscore in the length': () => raw({ framing: 'Content-Length: 1_0\r\n' }),
  'two transfer encodings': () => raw({ framing: TE.repeat(2), body: chunked(jsonOf('outer')) }),
  'an unknown transfer encoding': () => raw({ framing: 'Transfer-Encoding: xchunked\r\n', body: chunked(smuggled()) }),
  'chunked not as the last encoding': () =>
    raw({ framing: 'Transfer-Encoding: chunked, identity\r\n', body: chunked(jsonOf('outer')) }),
  'a blank before the colon': () => raw({ framing: `Transfer-Encoding : chunked\r\n`, body: chunked(smuggled()) }),
  'a tab before the colon': () => raw({ framing: `Content-Length\t: 5\r\n` }),
  'a header without a name': () => raw({ framing: `: chunked\r\n${length(jsonOf('outer'))}` }),
  'a header without a colon': () => raw({ framing: `Transfer-Encoding chunked\r\n${length(jsonOf('outer'))}` }),
  'a blank before the first header': () => raw({ host: ` Host: ${new URL(gateway.url).host}\r\n` }),
  'a folded header': () => raw({ framing: `Transfer-Encoding:\r\n chunked\r\n`, body: chunked(smuggled()) }),
  'a folded credential': () => raw({ authorization: `Authorization: Bearer\r\n ${gateway.serviceKey}\r\n` }),
  'a line feed alone in a header': () => raw({ framing: `X-A: b\n${TE}${length(jsonOf('outer'))}` }),
  'a carriage return alone in a header': () =>
    raw({ framing: `X-A: b\rTransfer-Encoding: chunked\r\n${length(jsonOf('outer'))}` }),
  'a NUL in a header': () => raw({ framing: `X-A: b\0c\r\n${length(jsonOf('outer'))}` }),
  'a control character in a header name': () => raw({ framing: `X-\x01A: b\r\n${length(jsonOf('outer'))}` }),
  'a byte above ASCII in a header name': () => raw({ framing: `X-\xe9: b\r\n${length(jsonOf('outer'))}` }),
  'a chunk size with a prefix': () => raw({ framing: TE, body: `0x5\r\nhello\r\n0\r\n\r\n` }),
  'a signed chunk size': () => raw({ framing: TE, body: `+5\r\nhello\r\n0\r\n\r\n` }),
  'a chunk size beyond 64 bits': () => raw({ framing: TE, body: `FFFFFFFFFFFFFFFFF\r\n${smuggled()}` }),
  'a chunk size of no digits': () => raw({ framing: TE, body: `\r\n${smuggled()}` }),
  'a chunk longer than it says': () => raw({ framing: TE, body: `5\r\nhello!!\r\n0\r\n\r\n` }),
  'a chunk extension with a line feed': () => raw({ framing: TE, body: `5;a=b\nhello\r\n0\r\n\r\n` }),
  'two hosts': () => raw({ host: `Host: ${new URL(gateway.url).host}\r\nHost: evil.example\r\n` }),
  'the same host twice': () => raw({ host: `Host: ${new URL(gateway.url).host}\r\n`.repeat(2) }),
  'no host': () => raw({ host: '' }),
  'an empty host': () => raw({ host: 'Host: \r\n' }),
  'a host list': () => raw({ host: `Host: ${new URL(gateway.url).host}, evil.example\r\n` }),
  'a host with a user': () => raw({ host: `Host: user@${new URL(gateway.url).host}\r\n` }),
  'a host with a path': () => raw({ host: `Host: ${new URL(gateway.url).host}/mcp\r\n` }),
  'an absolute target': () => raw({ line: `POST ${gateway.url}/mcp/fake HTTP/1.1\r\n` }),
  'an absolute target of another host': () => raw({ line: 'POST http://evil.example/mcp/fake HTTP/1.1\r\n' }),
  'an authority as target': () => raw({ line: `POST ${new URL(gateway.url).host} HTTP/1.1\r\n` }),
  'a star as target': () => raw({ line: 'POST * HTTP/1.1\r\n' }),
  'a target without a slash': () => raw({ line: 'POST mcp/fake HTTP/1.1\r\n' }),
  'a blank in the target': () => raw({ line: 'POST /mcp/fake /x HTTP/1.1\r\n' }),
  'a control character in the target': () => raw({ line: 'POST /mcp/fake\x01 HTTP/1.1\r\n' }),
  'another protocol': () => raw({ line: 'POST /mcp/fake SIP/2.0\r\n' }),
  'a version from the future': () => raw({ line: 'POST /mcp/fake HTTP/3.0\r\n' }),
  'the preface of HTTP/2': () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'an unknown method': () => raw({ line: 'SMUGGLE /mcp/fake HTTP/1.1\r\n' }),
  'a method in small letters': () => raw({ line: 'post /mcp/fake HTTP/1.1\r\n' }),
  'headers beyond the limit': () => raw({ framing: `X-A: ${'a'.repeat(64 * 1024)}\r\n${length(jsonOf('outer'))}` }),
};

for (const [what, bytes] of Object.entries(REFUSED)) {
  test(`refused: ${what}`, async () => {
    const { length: before } = upstream.received;
    const { statuses, text } = await exchangeRaw(gateway.url, Buffer.from(bytes(), 'latin1'));
    assert.ok(statuses.length > 0, 'nothing came back');
    for (const status of statuses) assert.ok([400, 403, 404, 405, 431, 501, 505].includes(status), text.slice(0, 600));
    const reached = upstream.received.slice(before).map(({ body }) => body);
    assert.deepEqual(reached, []);
  });
}

test('two credentials are refused, and the connection is of no further use to a smuggler', async () => {
  const twice = `Authorization: Bearer ${gateway.serviceKey}\r\nAuthorization: Bearer ${gateway.ownerKey}\r\n`;
  const { length: before } = upstream.received;
  const { statuses } = await exchangeRaw(gateway.url, raw({ authorization: twice }));
  assert.deepEqual(statuses, [400]);
  assert.equal(upstream.received.length, before);
});

test('a request inside the body of another is body, also of a body that is refused unread', async () => {
  const inner = smuggled();
  for (const outer of [
    raw({ body: inner }),
    raw({ body: inner, authorization: 'Authorization: Bearer sk-random\r\n' }),
    raw({ body: inner, framing: `Content-Encoding: gzip\r\n${length(inner)}` }),
    raw({ body: inner, line: 'GET /mcp/fake HTTP/1.1\r\n' }),
    raw({ body: inner, line: 'DELETE /mcp/fake HTTP/1.1\r\n' }),
    raw({ body: inner, line: 'GET /healthz HTTP/1.1\r\n' }),
    raw({ body: inner, line: 'POST /no/such/path HTTP/1.1\r\n' }),
    raw({ body: chunked(inner), framing: TE }),
  ]) {
    const { length: before } = upstream.received;
    const { statuses, text } = await exchangeRaw(gateway.url, outer);
    assert.equal(statuses.length, 1, text.slice(0, 800));
    assert.equal(upstream.received.length, before);
  }
});

test('trailers change nothing: no credential, no length, no method comes from them', async () => {
  const body = jsonOf('with trailers');
  const trailers = `Authorization: Bearer ${gateway.serviceKey}\r\nMcp-Name: delete\r\nHost: evil.example\r\n`;
  const end = `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n${trailers}\r\n`;
  const { length: before } = upstream.received;
  const anonymous = await exchangeRaw(gateway.url, raw({ authorization: '', framing: TE, body: end }));
  assert.deepEqual(anonymous.statuses, [401]);
  assert.equal(upstream.received.length, before);
  const known = await exchangeRaw(gateway.url, raw({ framing: TE, body: end }));
  assert.deepEqual(known.statuses, [200]);
  assert.equal(upstream.calls('tools/call').at(-1)!.message.params.name, 'echo');
});

test('honest requests one after the other on one connection are each answered, in order', async () => {
  const bodies = ['one', 'two', 'three'].map((text) => raw({ body: jsonOf(text) }));
  const { statuses, text } = await exchangeRaw(gateway.url, bodies.join(''), 2_000);
  assert.deepEqual(statuses, [200, 200, 200]);
  const at = ['"one"', '"two"', '"three"'].map((word) => text.indexOf(word));
  assert.deepEqual(
    at,
    at.toSorted((a, b) => a - b),
  );
  const mixed =
    raw({ body: jsonOf('good') }) + raw({ authorization: '', body: jsonOf('bad') }) + raw({ body: jsonOf('good') });
  assert.deepEqual(
    (await exchangeRaw(gateway.url, mixed, 2_000)).statuses,
    [200, 401, 200],
    'no credential is inherited',
  );
});

test('nobody is tunnelled or upgraded through the gateway', async () => {
  for (const target of ['127.0.0.1:22', 'evil.example:443', '/mcp/fake', new URL(upstream.url).host]) {
    const { statuses } = await exchangeRaw(gateway.url, raw({ line: `CONNECT ${target} HTTP/1.1\r\n` }));
    assert.ok(!statuses.some((status) => status < 300), `${target}: ${statuses}`);
  }
  for (const upgrade of ['websocket', 'h2c', 'TLS/1.0']) {
    const framing = `Connection: Upgrade, HTTP2-Settings\r\nUpgrade: ${upgrade}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n`;
    const { statuses, text } = await exchangeRaw(gateway.url, raw({ framing: framing + length(jsonOf('outer')) }));
    assert.deepEqual(statuses, [200], 'it is answered like any other request');
    assert.doesNotMatch(text, /101 Switching/);
  }
});
