import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { createSurroundings, INSTALLED } from './client-process.ts';
import { runLegacyFlows } from './legacy-flows.ts';
import { runPlainFlows } from './plain-flows.ts';
import { connectSdkV1 } from './sdk-v1-driver.ts';
import { startTarget, type Target } from './target.ts';

const MCP_REMOTE = join(INSTALLED, 'mcp-remote/dist/proxy.js');

/** The transport of a desktop client that starts mcp-remote, with its key in a `--header`. */
function mcpRemote({ url, headers }: Pick<Target, 'url' | 'headers'>, env: Record<string, string>) {
  const flags = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
  return new StdioClientTransport({
    command: process.execPath,
    args: [MCP_REMOTE, url.href, ...flags, '--transport', 'http-only', '--silent'],
    env,
    stderr: 'ignore',
  });
}

test('mcp-remote 0.15 with a header', async (t) => {
  const surroundings = await createSurroundings();
  const target = await startTarget('legacy');
  const driver = await connectSdkV1(mcpRemote(target, surroundings.env));
  try {
    await runPlainFlows(t, driver, target);
    await runLegacyFlows(t, driver);
  } finally {
    await driver.close();
    await target.close();
    await surroundings.remove();
  }
});

test('mcp-remote 0.15 gives up when its key is wrong, without having reached the upstream', async () => {
  const surroundings = await createSurroundings();
  const target = await startTarget('legacy');
  try {
    const wrong = { url: target.url, headers: { authorization: 'Bearer wrong' } };
    await assert.rejects(connectSdkV1(mcpRemote(wrong, surroundings.env)));
    assert.deepEqual(target.sessionsOfClients(), []);
  } finally {
    await target.close();
    await surroundings.remove();
  }
});
