import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { runLegacyFlows } from './legacy-flows.ts';
import { runPlainFlows } from './plain-flows.ts';
import { connectSdkV1 } from './sdk-v1-driver.ts';
import { startTarget } from './target.ts';

test('@modelcontextprotocol/sdk 1.32', async (t) => {
  const target = await startTarget('legacy');
  const transport = new StreamableHTTPClientTransport(target.url, { requestInit: { headers: target.headers } });
  const driver = await connectSdkV1(transport);
  try {
    await runPlainFlows(t, driver, target);
    await runLegacyFlows(t, driver);
    await t.test('ends its session', () => transport.terminateSession());
  } finally {
    await driver.close();
    await target.close();
  }
});

test('@modelcontextprotocol/sdk 1.32 is refused without a credential', async () => {
  const target = await startTarget('legacy');
  try {
    await assert.rejects(connectSdkV1(new StreamableHTTPClientTransport(target.url)), { code: 401 });
    assert.deepEqual(target.sessionsOfClients(), []);
  } finally {
    await target.close();
  }
});
