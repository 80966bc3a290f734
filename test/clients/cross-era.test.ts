/** Clients of one era, upstreams of the other: plain requests, progress and cancellation have to work. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { textOf } from './driver.ts';
import { runPlainFlows } from './plain-flows.ts';
import { connectSdkV1 } from './sdk-v1-driver.ts';
import { connectSdkV2 } from './sdk-v2-driver.ts';
import { startTarget } from './target.ts';

test('a client with a session calls an upstream of 2026-07-28', async (t) => {
  const target = await startTarget('modern');
  const transport = new StreamableHTTPClientTransport(target.url, { requestInit: { headers: target.headers } });
  const driver = await connectSdkV1(transport);
  try {
    await runPlainFlows(t, driver, target);
    await t.test('calls a tool whose parameters have to be mirrored into headers', async () => {
      const result = await driver.callTool('test_header_parameter', { region: 'Zürich' });
      assert.equal(textOf(result), 'Asked in Zürich');
    });
  } finally {
    await driver.close();
    await target.close();
  }
});

test('a client of 2026-07-28 calls an upstream with sessions', async (t) => {
  const target = await startTarget('legacy');
  const driver = await connectSdkV2(target, { pin: '2026-07-28' });
  try {
    await runPlainFlows(t, driver, target);
  } finally {
    await driver.close();
    await target.close();
  }
});

test('a client of both eras finds the newest one, whatever the upstream speaks', async () => {
  for (const era of ['legacy', 'modern'] as const) {
    const target = await startTarget(era);
    const driver = await connectSdkV2(target, 'auto');
    try {
      assert.equal(driver.client.getProtocolEra(), 'modern');
      assert.equal(textOf(await driver.callTool('echo', { text: era })), era);
    } finally {
      await driver.close();
      await target.close();
    }
  }
});
