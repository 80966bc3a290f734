import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { JsonObject } from '../../src/model/json.ts';
import { type Driver, textOf } from './driver.ts';
import { DENIED_TOOL, type Target } from './target.ts';

type Flow = (driver: Driver, target: Target) => Promise<void>;

/** What works alike with every client and in every revision. The keys are the names of the subtests. */
const PLAIN_FLOWS: Readonly<Record<string, Flow>> = {
  'lists the allowed tools of all pages, and no other': async (driver) => {
    const names = await driver.listTools();
    for (const expected of ['echo', 'test_simple_text', 'json_schema_2020_12_tool', 'wait_for_cancellation']) {
      assert.ok(names.includes(expected), `${expected} is missing from ${names}`);
    }
    assert.ok(!names.includes(DENIED_TOOL));
    assert.equal(new Set(names).size, names.length, 'a tool is listed twice');
  },

  'calls a tool': async (driver) => {
    const result = await driver.callTool('echo', { text: 'Grüße, 世界 — "quoted" \u0000' });
    assert.equal(textOf(result), 'Grüße, 世界 — "quoted" \u0000');
  },

  'gives each of many calls at once its own answer': async (driver) => {
    const words = Array.from({ length: 20 }, (_, index) => `word ${index}`);
    const results = await Promise.all(words.map((word) => driver.callTool('echo', { text: word })));
    assert.deepEqual(results.map(textOf), words);
  },

  'reports the progress of a call': async (driver) => {
    const reported: number[] = [];
    const result = await driver.callTool('test_tool_with_progress', {}, { onProgress: (done) => reported.push(done) });
    assert.equal(textOf(result), 'Progress reported.');
    assert.deepEqual(reported, [0, 50, 100]);
  },

  'hands over the failure of a tool as a result': async (driver) => {
    const result = await driver.callTool('test_error_handling');
    assert.equal(result.isError, true);
  },

  'hands over images, sounds and resources': async (driver) => {
    const types = async (name: string) =>
      ((await driver.callTool(name)).content as JsonObject[]).map((block) => block.type);
    assert.deepEqual(await types('test_multiple_content_types'), ['text', 'image', 'resource']);
    assert.deepEqual(await types('test_audio_content'), ['audio']);
  },

  'refuses a tool that is not allowed exactly like one that does not exist': async (driver, { fixture }) => {
    const denied = await refusal(driver, DENIED_TOOL);
    const unknown = await refusal(driver, 'no_such_tool');
    assert.equal(denied.code, -32602);
    assert.deepEqual(
      { ...denied, message: denied.message.replaceAll(DENIED_TOOL, '…') },
      { ...unknown, message: unknown.message.replaceAll('no_such_tool', '…') },
    );
    assert.ok(!fixture.seen.some(({ message }) => message?.params?.name === DENIED_TOOL), 'the call went through');
  },

  'lists and gets prompts': async (driver) => {
    assert.ok((await driver.listPrompts()).includes('test_prompt_with_arguments'));
    const prompt = await driver.getPrompt('test_prompt_with_arguments', { arg1: 'a', arg2: 'b' });
    assert.deepEqual(prompt.messages, [
      { role: 'user', content: { type: 'text', text: "Prompt with arguments: arg1='a', arg2='b'" } },
    ]);
  },

  'lists and reads resources, also through a template': async (driver) => {
    assert.ok((await driver.listResources()).includes('test://static-text'));
    assert.deepEqual(await driver.listResourceTemplates(), ['test://template/{id}/data']);
    const [fixed] = (await driver.readResource('test://static-text')).contents as JsonObject[];
    assert.equal(fixed?.text, 'This is the content of the static text resource.');
    const [binary] = (await driver.readResource('test://static-binary')).contents as JsonObject[];
    assert.equal(binary?.mimeType, 'image/png');
    const [filled] = (await driver.readResource('test://template/42/data')).contents as JsonObject[];
    assert.equal(JSON.parse(String(filled?.text)).id, '42');
    await assert.rejects(driver.readResource('test://nowhere'), { code: -32602 });
  },

  'completes an argument': async (driver) => {
    assert.deepEqual(await driver.completePrompt('test_prompt_with_arguments', 'arg1', 'par'), [
      'paris',
      'park',
      'party',
    ]);
  },

  'cancels a running call, also at the upstream': async (driver, { fixture }) => {
    const abort = new AbortController();
    const call = driver.callTool(
      'wait_for_cancellation',
      {},
      { signal: abort.signal, onProgress: () => abort.abort(new Error('changed my mind')) },
    );
    await assert.rejects(call);
    await fixture.cancelled('wait_for_cancellation');
  },

  'keeps the credentials apart': async (_driver, { fixture, headers, upstreamAuthorization }) => {
    assert.ok(fixture.seen.length > 0);
    for (const seen of fixture.seen) {
      assert.equal(seen.headers.authorization, upstreamAuthorization);
      for (const secret of Object.values(headers)) {
        const key = secret.replace('Bearer ', '');
        assert.ok(!JSON.stringify(seen).includes(key), 'the key of the client reached the upstream');
      }
    }
  },
};

/** Runs every flow as a subtest. They share the connection, as the calls of a real client do. */
export async function runPlainFlows(t: TestContext, driver: Driver, target: Target): Promise<void> {
  for (const [name, flow] of Object.entries(PLAIN_FLOWS)) {
    await t.test(name, { timeout: 30_000 }, () => flow(driver, target));
  }
}

/** What a client can see of a refusal, without the request id, which is different each time. */
async function refusal(driver: Driver, tool: string): Promise<{ code: number; message: string; data: unknown }> {
  const outcome = await driver.callTool(tool).then(
    () => assert.fail(`${tool} was called`),
    (error: { code: number; message: string; data?: JsonObject }) => error,
  );
  const { requestId: _, ...data } = outcome.data ?? {};
  return { code: outcome.code, message: outcome.message, data };
}
