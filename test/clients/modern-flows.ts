import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { promptTextOf, textOf, until } from './driver.ts';
import type { SdkV2Driver } from './sdk-v2-driver.ts';
import type { Target } from './target.ts';

type Flow = (driver: SdkV2Driver, target: Target) => Promise<void>;

const WATCHED = 'test://watched-resource';

/** What only 2026-07-28 has, beyond the plain calls. The keys are the names of the subtests. */
const MODERN_FLOWS: Readonly<Record<string, Flow>> = {
  'repeats a call with the answers it is asked for': async (driver) => {
    const name = 'test_input_required_result';
    assert.equal(textOf(await driver.callTool(`${name}_elicitation`)), 'Hello, Ada!');
    assert.equal(textOf(await driver.callTool(`${name}_sampling`)), 'sampled');
    assert.equal(textOf(await driver.callTool(`${name}_list_roots`)), 'file:///work');
    assert.equal(textOf(await driver.callTool(`${name}_multiple_inputs`)), 'sampled Ada (file:///work)');
  },

  'carries the state of a call through its rounds': async (driver) => {
    assert.equal(textOf(await driver.callTool('test_input_required_result_request_state')), 'state-ok: true');
  },

  'repeats prompts/get with the answers it is asked for': async (driver) => {
    const prompt = await driver.getPrompt('test_input_required_result_prompt', {});
    assert.equal(promptTextOf(prompt), 'Context: spring');
  },

  'is refused when it lacks a capability that the tool needs, and served when it has it': async (driver) => {
    assert.equal(textOf(await driver.callTool('test_missing_capability')), 'The client offers sampling.');
    const _meta = { 'io.modelcontextprotocol/clientCapabilities': {} };
    await assert.rejects(driver.client.callTool({ name: 'test_missing_capability', _meta }), { code: -32021 });
  },

  'mirrors parameters into headers, plain and encoded': async (driver, { fixture }) => {
    await driver.listTools(); // the client knows the annotation from here
    for (const region of ['eu-central', 'Zürich', ' padded ', '=?base64?literal?=']) {
      assert.equal(textOf(await driver.callTool('test_header_parameter', { region })), `Asked in ${region}`);
    }
    const mirrored = fixture.seen.map(({ headers }) => headers['mcp-param-region']).filter(Boolean);
    assert.deepEqual(mirrored.slice(0, 2), ['eu-central', '=?base64?WsO8cmljaA==?=']);
  },

  'gets log lines only when the call asks for them': async (driver) => {
    await driver.callTool('test_tool_with_logging');
    assert.equal(driver.received.logs.length, 0);
    const _meta = { 'io.modelcontextprotocol/logLevel': 'info' };
    await driver.client.callTool({ name: 'test_tool_with_logging', _meta });
    assert.equal(driver.received.logs.length, 3);
  },

  'hears of changes on a subscription, and only of those it asked for': async (driver) => {
    const subscription = await driver.client.listen({ toolsListChanged: true, resourceSubscriptions: [WATCHED] });
    assert.deepEqual(subscription.honoredFilter, { toolsListChanged: true, resourceSubscriptions: [WATCHED] });
    const heard = (method: string) => driver.received.notifications.includes(`notifications/${method}`);
    await driver.callTool('test_trigger_prompt_change');
    await until(
      () => heard('tools/list_changed'),
      () => driver.callTool('test_trigger_tool_change'),
    );
    await until(
      () => heard('resources/updated'),
      () => driver.callTool('touch_watched_resource'),
    );
    assert.ok(!heard('prompts/list_changed'));
    await subscription.close();
    assert.equal(await subscription.closed, 'local');
  },
};

export async function runModernFlows(t: TestContext, driver: SdkV2Driver, target: Target): Promise<void> {
  for (const [name, flow] of Object.entries(MODERN_FLOWS)) {
    await t.test(name, { timeout: 30_000 }, () => flow(driver, target));
  }
}
