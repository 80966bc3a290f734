import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Driver, type Received, textOf, until } from './driver.ts';

/** What only the revisions with sessions have, beyond the plain calls. */
export interface LegacyDriver extends Driver {
  readonly received: Received;
  ping(): Promise<unknown>;
  setLogLevel(level: 'info' | 'error'): Promise<unknown>;
  subscribe(uri: string): Promise<unknown>;
}

type Flow = (driver: LegacyDriver) => Promise<void>;

const WATCHED = 'test://watched-resource';

/** The keys are the names of the subtests. */
const LEGACY_FLOWS: Readonly<Record<string, Flow>> = {
  'answers a ping': async (driver) => {
    await driver.ping();
  },

  'is asked back for a sample of its model': async (driver) => {
    const result = await driver.callTool('test_sampling', { prompt: 'Say something.' });
    assert.equal(textOf(result), 'LLM response: sampled');
  },

  'is asked back for an answer of its user': async (driver) => {
    const result = await driver.callTool('test_elicitation', { message: 'Who are you?' });
    assert.match(String(textOf(result)), /^User response: action=accept, content=\{"username":"ada"/);
  },

  'is asked back for its roots': async (driver) => {
    assert.equal(textOf(await driver.callTool('test_list_roots')), 'Roots: file:///work');
  },

  'is asked back by two calls at once, each getting its own answer': async (driver) => {
    const results = await Promise.all([
      driver.callTool('test_sampling', { prompt: 'one' }),
      driver.callTool('test_list_roots'),
      driver.callTool('test_sampling', { prompt: 'two' }),
    ]);
    assert.deepEqual(results.map(textOf), ['LLM response: sampled', 'Roots: file:///work', 'LLM response: sampled']);
  },

  'gets the log lines of its level': async (driver) => {
    await driver.setLogLevel('info');
    await driver.callTool('test_tool_with_logging');
    const { length } = driver.received.logs;
    assert.equal(length, 3);
    await driver.setLogLevel('error');
    await driver.callTool('test_tool_with_logging');
    assert.equal(driver.received.logs.length, length);
  },

  'hears of a changed tool list': async (driver) => {
    const heard = () => driver.received.notifications.includes('notifications/tools/list_changed');
    await until(heard, () => driver.callTool('test_trigger_tool_change'));
  },

  'hears of a changed resource': async (driver) => {
    await driver.subscribe(WATCHED);
    const heard = () => driver.received.notifications.includes('notifications/resources/updated');
    await until(heard, () => driver.callTool('touch_watched_resource'));
  },

  'gets the answer of a call whose connection the upstream ended': async (driver) => {
    const result = await driver.callTool('test_reconnection');
    assert.equal(textOf(result), 'Still here after the reconnection.');
  },
};

export async function runLegacyFlows(t: TestContext, driver: LegacyDriver): Promise<void> {
  for (const [name, flow] of Object.entries(LEGACY_FLOWS)) {
    await t.test(name, { timeout: 30_000 }, () => flow(driver));
  }
}
