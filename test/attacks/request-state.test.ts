/**
 * 2026-07-28, "Multi Round-Trip Requests": a `requestState` is a handle in the client's hands. Whoever else has it must not
 * be able to go on with the exchange, nor carry it over to another tool.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Fixture } from '../conformance/fixture/listen.ts';
import { startModernFixture } from '../conformance/fixture/modern-fixture.ts';
import { type Any, modernClient } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

const TOOL = 'test_input_required_result_request_state';
const OTHER_TOOL = 'test_input_required_result_tampered_state';
const CAPABILITIES = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } };

let upstream: Fixture;
let gateway: PeopledGateway<'alice' | 'bob'>;

before(async () => {
  upstream = await startModernFixture();
  gateway = await startWithPeople({
    people: { alice: { roles: ['full-access'] }, bob: { roles: ['full-access'] } },
    config: { upstreams: [{ name: 'one', url: upstream.url }] },
  });
});

after(async () => {
  await gateway.close();
  await upstream.close();
});

const clientOf = (key: string, mount = '/mcp/one') => modernClient(`${gateway.url}${mount}`, key);
const ask = async (key: string, name = TOOL, mount?: string): Promise<string> => {
  const { message } = await clientOf(key, mount).request('tools/call', { name, arguments: {} }, { meta: CAPABILITIES });
  assert.equal(message.result.resultType, 'input_required');
  return message.result.requestState;
};
const answer = async (key: string, requestState: string, name = TOOL, mount?: string): Promise<Any> => {
  const inputResponses = { confirm: { action: 'accept', content: { ok: true } } };
  const params = { name, arguments: {}, inputResponses, requestState };
  return (await clientOf(key, mount).request('tools/call', params, { meta: CAPABILITIES })).message;
};

test('the principal that was asked goes on with the exchange, and the upstream gets its own state back', async () => {
  const state = await ask(gateway.keys.alice);
  const { result } = await answer(gateway.keys.alice, state);
  assert.match(result.content[0].text, /state-ok/);
});

test('it goes on where names carry a prefix, too', async () => {
  const state = await ask(gateway.keys.alice, `one__${TOOL}`, '/mcp');
  const { result } = await answer(gateway.keys.alice, state, `one__${TOOL}`, '/mcp');
  assert.match(result.content[0].text, /state-ok/);
});

for (const [what, attempt] of [
  ['the state of another principal', async () => answer(gateway.keys.bob, await ask(gateway.keys.alice))],
  ['the state of another tool', async () => answer(gateway.keys.alice, await ask(gateway.keys.alice), OTHER_TOOL)],
  [
    'a state whose content was changed',
    async () =>
      answer(
        gateway.keys.alice,
        (await ask(gateway.keys.alice)).replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
      ),
  ],
  [
    'a state without the seal',
    async () => answer(gateway.keys.alice, (await ask(gateway.keys.alice)).replace(/^tg1\.[^.]*\.[^.]*\./, '')),
  ],
  ['a made-up state', () => answer(gateway.keys.alice, 'hello')],
] as const) {
  test(`${what} is refused before the upstream sees it`, async () => {
    const calls = () => upstream.seen.filter(({ message }) => message?.params?.inputResponses !== undefined).length;
    const before = calls();
    assert.equal((await attempt()).error.code, -32602);
    assert.equal(calls(), before);
  });
}
