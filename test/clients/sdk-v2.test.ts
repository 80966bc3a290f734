import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runLegacyFlows } from './legacy-flows.ts';
import { runModernFlows } from './modern-flows.ts';
import { runPlainFlows } from './plain-flows.ts';
import { connectSdkV2 } from './sdk-v2-driver.ts';
import { startTarget } from './target.ts';

const MODERN = { pin: '2026-07-28' };

test('@modelcontextprotocol/client 2.4, with a session', async (t) => {
  const target = await startTarget('legacy');
  const driver = await connectSdkV2(target, 'legacy');
  try {
    assert.equal(driver.client.getProtocolEra(), 'legacy');
    await runPlainFlows(t, driver, target);
    await runLegacyFlows(t, driver);
  } finally {
    await driver.close();
    await target.close();
  }
});

test('@modelcontextprotocol/client 2.4, at 2026-07-28', async (t) => {
  const target = await startTarget('modern');
  const driver = await connectSdkV2(target, MODERN);
  try {
    assert.equal(driver.client.getProtocolEra(), 'modern');
    await runPlainFlows(t, driver, target);
    await runModernFlows(t, driver, target);
  } finally {
    await driver.close();
    await target.close();
  }
});

for (const mode of ['legacy', MODERN] as const) {
  const name = typeof mode === 'string' ? mode : mode.pin;
  test(`@modelcontextprotocol/client 2.4 (${name}) is refused without a credential`, async () => {
    const target = await startTarget(mode === MODERN ? 'modern' : 'legacy');
    try {
      const refused = connectSdkV2({ url: target.url, headers: {} }, mode);
      await assert.rejects(refused, (error: { data?: { status?: number } }) => error.data?.status === 401);
    } finally {
      await target.close();
    }
  });
}
