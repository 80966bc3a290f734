import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileCidrs, normalizeAddress, parseCidr } from './cidr.ts';

test('an address is inside exactly the networks that hold it', () => {
  const matches = compileCidrs(['10.0.0.0/8', '192.168.7.9', '2001:db8::/32']);
  for (const inside of ['10.0.0.0', '10.255.255.255', '192.168.7.9', '2001:db8::1', '2001:db8:ffff::']) {
    assert.equal(matches(inside), true, inside);
  }
  for (const outside of ['11.0.0.0', '9.255.255.255', '192.168.7.8', '2001:db9::', '::1', '::', '0.0.0.0']) {
    assert.equal(matches(outside), false, outside);
  }
});

test('an IPv4-mapped IPv6 address is the IPv4 address, in the list and in the question', () => {
  assert.equal(compileCidrs(['10.0.0.0/8'])('::ffff:10.1.2.3'), true);
  assert.equal(compileCidrs(['10.0.0.0/8'])('::FFFF:0A01:0203'), true);
  assert.equal(compileCidrs(['::ffff:10.0.0.0/104'])('10.9.9.9'), true);
  assert.equal(parseCidr('::ffff:10.0.0.0/104').text, '10.0.0.0/8');
  assert.equal(compileCidrs(['::/0'])('::ffff:10.1.2.3'), false);
  assert.equal(compileCidrs(['::/0'])('10.1.2.3'), false);
  assert.equal(compileCidrs(['0.0.0.0/0'])('2001:db8::1'), false);
});

test('spellings that parsers disagree about are no addresses', () => {
  const everything = compileCidrs(['0.0.0.0/0', '::/0']);
  for (const text of [
    '127.1',
    '0x7f.0.0.1',
    '010.0.0.1',
    '2130706433',
    '1.2.3.4.5',
    '',
    ' 1.2.3.4',
    '1.2.3.4\n',
    'localhost',
    '[::1]',
    '1.2.3.4:80',
  ]) {
    assert.equal(normalizeAddress(text), null, text);
    assert.equal(everything(text), false, text);
  }
});

test('a zone is no part of the address that is compared', () => {
  assert.equal(normalizeAddress('fe80::1%eth0'), 'fe80::1');
  assert.equal(compileCidrs(['fe80::/10'])('fe80::1%eth0'), true);
});

test('an address has one canonical text', () => {
  assert.equal(normalizeAddress('2001:0DB8:0:0:0:0:0:1'), '2001:db8::1');
  assert.equal(normalizeAddress('::ffff:192.0.2.1'), '192.0.2.1');
});

test('a faulty network is refused with what to write instead', () => {
  assert.throws(() => parseCidr('10.1.2.3/8'), /you may mean 10\.0\.0\.0\/8/);
  assert.throws(() => parseCidr('2001:db8::1/32'), /you may mean 2001:db8::\/32/);
  for (const text of [
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10/8',
    'fe80::%eth0/10',
    '::/129',
    '*',
    '::ffff:0:0/90',
  ]) {
    assert.throws(() => parseCidr(text), RangeError, text);
  }
});

test('an empty list matches nothing', () => {
  assert.equal(compileCidrs([])('10.0.0.1'), false);
});

test('matching equals comparing the leading bits', () => {
  const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  const numberOf = (parts: readonly number[]) => parts.reduce((sum, part) => sum * 256 + part, 0);
  fc.assert(
    fc.property(octets, octets, fc.integer({ min: 0, max: 32 }), (network, address, prefix) => {
      const size = 2 ** (32 - prefix);
      const base = Math.floor(numberOf(network) / size) * size;
      const text = [24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join('.');
      const expected = Math.floor(numberOf(address) / size) * size === base;
      assert.equal(compileCidrs([`${text}/${prefix}`])(address.join('.')), expected);
    }),
  );
});
