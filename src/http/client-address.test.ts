import assert from 'node:assert/strict';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createClientAddress } from './client-address.ts';

const request = (peer: string | undefined, forwarded?: string, more: Record<string, string> = {}) => ({
  headers: { ...(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }), ...more },
  socket: { remoteAddress: peer },
});

test('without trusted proxies no header changes the address', () => {
  const addressOf = createClientAddress({ trustedProxies: [] });
  const forged = { forwarded: 'for=1.2.3.4', 'x-real-ip': '1.2.3.4', x_forwarded_for: '1.2.3.4' };
  assert.equal(addressOf(request('203.0.113.9', '1.2.3.4', forged)), '203.0.113.9');
  assert.equal(addressOf(request('127.0.0.1', '1.2.3.4')), '127.0.0.1');
});

test('an IPv4-mapped peer is reported as IPv4, and a zone is dropped', () => {
  const addressOf = createClientAddress({ trustedProxies: [] });
  assert.equal(addressOf(request('::ffff:203.0.113.9')), '203.0.113.9');
  assert.equal(addressOf(request('fe80::1%eth0')), 'fe80::1');
  assert.equal(addressOf(request('2001:DB8:0:0:0:0:0:1')), '2001:db8::1');
});

test('a closed socket has an empty address', () => {
  assert.equal(createClientAddress({ trustedProxies: [] })(request(undefined)), '');
  assert.equal(createClientAddress({ trustedProxies: ['10.0.0.0/8'] })(request(undefined, '1.2.3.4')), '');
});

const CHAINS: readonly [what: string, peer: string, forwarded: string | undefined, expected: string][] = [
  ['one proxy', '10.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['two trusted proxies', '10.0.0.1', '203.0.113.9, 10.0.0.2', '203.0.113.9'],
  ['what the client forged is left of its own address', '10.0.0.1', '1.2.3.4, 203.0.113.9', '203.0.113.9'],
  ['a forged address inside the trusted network', '10.0.0.1', '10.9.9.9, 203.0.113.9', '203.0.113.9'],
  ['a peer that is not trusted', '203.0.113.9', '1.2.3.4', '203.0.113.9'],
  ['a peer that is not trusted but claims to be', '203.0.113.9', '10.0.0.1', '203.0.113.9'],
  ['a client inside the trusted network', '10.0.0.1', '10.5.5.5', '10.5.5.5'],
  ['no header', '10.0.0.1', undefined, '10.0.0.1'],
  ['an empty header', '10.0.0.1', '', '10.0.0.1'],
  ['garbage nearest to us', '10.0.0.1', '203.0.113.9, unknown', '10.0.0.1'],
  ['garbage beyond a trusted proxy', '10.0.0.1', '<script>, 10.0.0.2', '10.0.0.2'],
  ['an ambiguous spelling is no address', '10.0.0.1', '0x7f.1', '10.0.0.1'],
  ['an octal spelling is no address', '10.0.0.1', '0177.0.0.1', '10.0.0.1'],
  ['an entry with a port', '10.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
  ['a bracketed IPv6 entry with a port', '10.0.0.1', '[2001:db8::9]:4711', '2001:db8::9'],
  ['a bare IPv6 entry', '10.0.0.1', '2001:DB8::9', '2001:db8::9'],
  ['a mapped IPv6 entry', '10.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
  ['a mapped IPv6 peer', '::ffff:10.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['an IPv6 proxy', '2001:db8:1::1', '203.0.113.9', '203.0.113.9'],
  ['an overlong header', '10.0.0.1', `${'1.2.3.4, '.repeat(1500)}203.0.113.9`, '203.0.113.9'],
];

const behindProxies = createClientAddress({ trustedProxies: ['10.0.0.0/8', '2001:db8:1::/48'] });
for (const [what, peer, forwarded, expected] of CHAINS) {
  test(`behind trusted proxies: ${what}`, () => {
    assert.equal(behindProxies(request(peer, forwarded)), expected);
    assert.equal(behindProxies(request(peer, forwarded)), expected, 'and again, from memory');
  });
}

test('the spelling with "_" is never read, even from a trusted proxy', () => {
  assert.equal(behindProxies(request('10.0.0.1', undefined, { x_forwarded_for: '1.2.3.4' })), '10.0.0.1');
});

test('over a real connection, repeated X-Forwarded-For lines count in their order', async () => {
  const addressOf = createClientAddress({ trustedProxies: ['127.0.0.0/8'] });
  const server = createServer((incoming, response) => response.end(addressOf(incoming)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      const outgoing = httpRequest(
        {
          host: '127.0.0.1',
          port: (server.address() as AddressInfo).port,
          agent: false,
          headers: [
            'Host',
            'x',
            'X-Forwarded-For',
            '1.2.3.4',
            'x-forwarded-for',
            '203.0.113.9',
            'X_Forwarded_For',
            '6.6.6.6',
          ],
        },
        async (incoming) => resolve((await incoming.setEncoding('utf8').toArray()).join('')),
      );
      outgoing.on('error', reject).end();
    });
    assert.equal(answer, '203.0.113.9');
  } finally {
    server.close();
  }
});

test('a network that cannot be read is refused when the function is made', () => {
  assert.throws(() => createClientAddress({ trustedProxies: ['10.0.0.1/8'] }), RangeError);
});
