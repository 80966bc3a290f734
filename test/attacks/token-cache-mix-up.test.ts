/**
 * CVE-2026-35039: a cache that knows tokens by a part of them gives one caller the identity of another. Who the gateway
 * takes a caller for shows at the upstream, which gets that user's own credential and nobody else's.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { base62 } from '../../src/lib/base62.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { modernRequest, send, textOf } from '../mcp-client.ts';
import { startWithPeople } from '../people.ts';

const USERS = 60;
const CALLS = 1_500;

/** The beginning of one key and the end of another, with a checksum that is right. */
function spliceKeys(a: string, b: string, at: number): string {
  const body = a.slice(0, at) + b.slice(at, -6);
  return body + base62(BigInt(crc32(body)), 6);
}

test('keys side by side, spliced and cut: everybody acts with their own credential, always', async () => {
  const names = Array.from({ length: USERS }, (_, index) => `user-${index}`);
  const upstream = await startModernUpstream();
  const seen = new Map<string, string>();
  upstream.behaviour.tools.push({
    definition: { name: 'who', inputSchema: { type: 'object' } },
    call: (args) => ({ content: [{ type: 'text', text: args.nonce }] }),
  });
  const gateway = await startWithPeople({
    people: Object.fromEntries(
      names.map((name) => [
        name,
        { roles: ['full-access'], secrets: { personal: { 'x-user-token': `credential-of-${name}` } } },
      ]),
    ),
    config: {
      upstreams: [{ name: 'personal', url: upstream.url, auth: { headersPerUser: ['x-user-token'] } }],
      audit: { mode: 'async' },
    },
  });
  try {
    const url = `${gateway.url}/mcp/personal`;
    const call = async (key: string, nonce: string) => {
      const { body, headers } = modernRequest('tools/call', { name: 'who', arguments: { nonce } });
      return send(url, { body, headers: { ...headers, authorization: `Bearer ${key}` } });
    };
    const expected = new Map<string, string>();
    let spliced = 0;
    const work = Array.from({ length: CALLS }, (_, index) => async () => {
      const name = names[(index * 7919) % USERS]!;
      const other = names[(index * 104_729 + 1) % USERS]!;
      const nonce = `nonce-${index}`;
      if (index % 5 === 0) {
        const forged = spliceKeys(gateway.keys[name]!, gateway.keys[other]!, 1 + (index % 46));
        if (forged === gateway.keys[name] || forged === gateway.keys[other]) return;
        spliced++;
        assert.equal((await call(forged, nonce)).status, 401);
        return;
      }
      expected.set(nonce, `credential-of-${name}`);
      assert.equal(textOf(await call(gateway.keys[name]!, nonce)), nonce);
    });
    while (work.length > 0) await Promise.all(work.splice(0, 40).map((run) => run()));
    for (const { message, headers } of upstream.calls('tools/call')) {
      seen.set(message.params.arguments.nonce, String(headers['x-user-token']));
    }
    assert.deepEqual(seen, expected);
    assert.ok(spliced > 200, `${spliced} spliced keys were refused`);
  } finally {
    await gateway.close();
    await upstream.close();
  }
});
