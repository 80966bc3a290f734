import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isForbiddenAddress } from './forbidden-addresses.ts';
import { guardedLookup } from './guarded-lookup.ts';

test('localhost is found, as one address and as all', async () => {
  const one = await new Promise((resolve) => guardedLookup('localhost', {}, (_, address) => resolve(address)));
  assert.match(String(one), /^(127\.0\.0\.1|::1)$/);
  const all = await new Promise((resolve) => guardedLookup('localhost', { all: true }, (_, found) => resolve(found)));
  assert.ok(Array.isArray(all) && all.length > 0);
});

test('a name whose address is never an MCP server is refused', async () => {
  const error = await new Promise<NodeJS.ErrnoException | null>((resolve) =>
    guardedLookup('169.254.169.254', {}, (refusal) => resolve(refusal)),
  );
  assert.equal(error?.code, 'EFORBIDDEN');
});

for (const [address, forbidden] of [
  ['169.254.169.254', true],
  ['100.100.100.200', true],
  ['fe80::1', true],
  ['fd00:ec2::254', true],
  ['0.0.0.0', true],
  ['64:ff9b::a9fe:a9fe', true],
  ['::1', false],
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['fd12::1', false],
  ['93.184.216.34', false],
] as const) {
  test(`${address} is ${forbidden ? 'forbidden' : 'allowed'}`, () =>
    assert.equal(isForbiddenAddress(address), forbidden));
}
