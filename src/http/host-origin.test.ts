import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { createHostCheck, createOriginCheck, type HostOriginOptions } from './host-origin.ts';

const LOCAL: HostOriginOptions = {
  publicUrl: 'http://127.0.0.1:8420',
  listenPort: 8420,
  allowedHosts: [],
  allowedOrigins: [],
};
const PUBLIC: HostOriginOptions = {
  publicUrl: 'https://mcp.example.com',
  listenPort: 8420,
  allowedHosts: ['mcp.internal:9000', 'MCP.Alias', '[2001:db8::1]:8420'],
  allowedOrigins: ['https://App.example.com:443', 'http://tool.example:8080', 'vscode-webview://abc'],
};
const CONTAINER: HostOriginOptions = { ...LOCAL, publicUrl: 'http://localhost:9999' };

const hostCode = (options: HostOriginOptions, host: string | undefined) =>
  createHostCheck(options)({ rawHeaders: host === undefined ? [] : ['Host', host], url: '/mcp' })?.code ?? null;
const originCode = (options: HostOriginOptions, ...origins: string[]) =>
  createOriginCheck(options)({ rawHeaders: origins.flatMap((origin) => ['Origin', origin]), url: '/mcp' })?.code ??
  null;

const GOOD_HOSTS: readonly [HostOriginOptions, string][] = [
  [LOCAL, '127.0.0.1:8420'],
  [LOCAL, 'localhost:8420'],
  [LOCAL, 'LocalHost:8420'],
  [LOCAL, '[::1]:8420'],
  [PUBLIC, 'mcp.example.com'],
  [PUBLIC, 'mcp.example.com:443'],
  [PUBLIC, 'MCP.EXAMPLE.COM'],
  [PUBLIC, '127.0.0.1:8420'],
  [PUBLIC, 'mcp.internal:9000'],
  [PUBLIC, 'mcp.alias'],
  [PUBLIC, 'mcp.alias:443'],
  [PUBLIC, '[2001:db8::1]:8420'],
  [CONTAINER, 'localhost:9999'],
  [CONTAINER, '127.0.0.1:9999'],
  [{ ...PUBLIC, listenPort: 80 }, 'localhost'],
  [{ ...LOCAL, publicUrl: 'http://localhost', listenPort: 80 }, 'localhost:80'],
];
for (const [options, host] of GOOD_HOSTS) {
  test(`${options.publicUrl} serves Host "${host}"`, () => assert.equal(hostCode(options, host), null));
}

const BAD_HOSTS: readonly [HostOriginOptions, string | undefined][] = [
  [LOCAL, undefined],
  [LOCAL, ''],
  [LOCAL, 'evil.example:8420'],
  [LOCAL, '127.0.0.1'],
  [LOCAL, '127.0.0.1:8421'],
  [LOCAL, '127.0.0.1:08420'],
  [LOCAL, '127.1:8420'],
  [LOCAL, '0x7f.1:8420'],
  [LOCAL, '0.0.0.0:8420'],
  [LOCAL, 'localhost.:8420'],
  [LOCAL, 'localhost.evil.example:8420'],
  [LOCAL, '127.0.0.1.nip.io:8420'],
  [LOCAL, 'evil@127.0.0.1:8420'],
  [LOCAL, '127.0.0.1:8420, evil.example'],
  [LOCAL, '127.0.0.1:8420/'],
  [LOCAL, '[::1%eth0]:8420'],
  [LOCAL, '::1:8420'],
  [PUBLIC, 'mcp.example.com:8420'],
  [PUBLIC, 'mcp.example.com:80'],
  [PUBLIC, 'mcp.example.com.'],
  [PUBLIC, 'xmcp.example.com'],
  [PUBLIC, 'mcp.internal'],
  [PUBLIC, 'localhost'],
  [CONTAINER, 'localhost:80'],
];
for (const [options, host] of BAD_HOSTS) {
  test(`${options.publicUrl} refuses Host "${host}"`, () => assert.equal(hostCode(options, host), 'host_not_allowed'));
}

test('a second Host header is refused, even when both are allowed or differ in case', () => {
  const check = createHostCheck(LOCAL);
  const rawHeaders = ['Host', '127.0.0.1:8420', 'Accept', '*/*', 'hOST', '127.0.0.1:8420'];
  assert.equal(check({ rawHeaders, url: '/mcp' })?.code, 'bad_request');
});

test('a request target that is not a path is refused, because it would take precedence over Host', () => {
  const check = createHostCheck(LOCAL);
  const rawHeaders = ['Host', '127.0.0.1:8420'];
  for (const url of ['http://evil.example/mcp', 'evil.example:443', '*', '', undefined]) {
    assert.equal(check({ rawHeaders, url })?.code, 'bad_request', String(url));
  }
});

const GOOD_ORIGINS: readonly [HostOriginOptions, string][] = [
  [LOCAL, 'http://127.0.0.1:8420'],
  [LOCAL, 'http://localhost:8420'],
  [LOCAL, 'http://[::1]:8420'],
  [CONTAINER, 'http://127.0.0.1:9999'],
  [PUBLIC, 'https://mcp.example.com'],
  [PUBLIC, 'https://app.example.com'],
  [PUBLIC, 'http://tool.example:8080'],
  [PUBLIC, 'vscode-webview://abc'],
];
for (const [options, origin] of GOOD_ORIGINS) {
  test(`${options.publicUrl} takes Origin ${origin}`, () => assert.equal(originCode(options, origin), null));
}

const BAD_ORIGINS: readonly [HostOriginOptions, string][] = [
  [LOCAL, 'http://evil.example'],
  [LOCAL, 'http://evil.example:8420'],
  [LOCAL, 'null'],
  [LOCAL, ''],
  [LOCAL, 'http://127.0.0.1'],
  [LOCAL, 'https://127.0.0.1:8420'],
  [LOCAL, 'http://127.0.0.1:8420/'],
  [LOCAL, 'http://127.0.0.1:8420.evil.example'],
  [LOCAL, 'http://127.0.0.1:8420, http://evil.example'],
  [LOCAL, 'file://'],
  [PUBLIC, 'http://mcp.example.com'],
  [PUBLIC, 'https://mcp.example.com.evil.example'],
  [PUBLIC, 'https://app.example.com:444'],
  [PUBLIC, 'vscode-webview://abd'],
];
for (const [options, origin] of BAD_ORIGINS) {
  test(`${options.publicUrl} refuses Origin "${origin}"`, () => {
    assert.equal(originCode(options, origin), 'origin_not_allowed');
  });
}

test('requests without Origin pass, and with several each has to be allowed', () => {
  assert.equal(originCode(LOCAL), null);
  assert.equal(originCode(LOCAL, 'http://127.0.0.1:8420', 'http://evil.example'), 'origin_not_allowed');
  assert.equal(originCode(LOCAL, 'http://evil.example', 'http://127.0.0.1:8420'), 'origin_not_allowed');
});

test('over a real connection, two Host headers that node:http lets through are refused', async () => {
  const server = createServer((request, response) => {
    const check = createHostCheck({ ...LOCAL, listenPort: (server.address() as AddressInfo).port });
    response.end(check(request)?.code ?? 'passed');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const send = async (...lines: string[]): Promise<string> => {
      const socket = connect(port, '127.0.0.1');
      socket.end([...lines, 'Connection: close', '', ''].join('\r\n'));
      const answer = (await socket.setEncoding('latin1').toArray()).join('');
      return answer.split('\r\n\r\n')[1] ?? '';
    };
    const own = `Host: 127.0.0.1:${port}`;
    assert.match(await send('GET /mcp HTTP/1.1', own), /passed/);
    assert.match(await send('GET /mcp HTTP/1.1', own, 'Host: evil.example'), /bad_request/);
    assert.match(await send('GET /mcp HTTP/1.1', 'host: evil.example', own), /bad_request/);
    assert.match(await send('GET http://evil.example/mcp HTTP/1.1', own), /bad_request/);
    assert.match(await send('GET /mcp HTTP/1.1', 'Host: evil.example', `Host2: 127.0.0.1:${port}`), /host_not_allowed/);
    assert.match(await send('GET /mcp HTTP/1.0'), /host_not_allowed/);
  } finally {
    server.close();
  }
});
