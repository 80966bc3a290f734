/** An upstream with one account or credential for all that nobody has given it yet: trying again never helps its callers. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernClient } from '../mcp-client.ts';

let fake: FakeHttpUpstream;
let gateway: TestGateway;

before(async () => {
  fake = await startModernUpstream();
  const { url } = fake;
  gateway = await startToolgate({
    config: {
      upstreams: [
        { name: 'account', url, auth: { oauth: { owner: 'shared' } } },
        { name: 'header', url, auth: { headers: { 'X-Api-Key': '$' + '{vault:KEY}' } } },
        { name: 'away', url: 'http://127.0.0.1:9/mcp' },
      ],
    },
  });
});

after(async () => {
  await gateway.close();
  await fake.close();
});

const WHY: readonly [upstream: string, why: RegExp][] = [
  ['account', /^account cannot be used yet: an administrator has to connect it first\.$/],
  ['header', /^header cannot be used yet: an administrator has to store its credential first\.$/],
  ['away', /^away cannot be reached right now; try again later\.$/],
];

for (const [upstream, why] of WHY) {
  test(`the caller of "${upstream}" is told what to wait for, by a call and on its own mount`, async () => {
    const params = { name: `${upstream}__echo`, arguments: {} };
    const called = await modernClient(`${gateway.url}/mcp`, gateway.serviceKey).request('tools/call', params);
    const listed = await modernClient(`${gateway.url}/mcp/${upstream}`, gateway.serviceKey).request('tools/list');
    for (const { message } of [called, listed]) {
      assert.equal(message.error.data.code, 'upstream_unavailable');
      assert.match(message.error.message, why);
    }
    assert.deepEqual(fake.received, [], 'nothing is sent without the credential');
  });
}
