/** mcp-remote 0.15, which desktop clients start as a program: it signs in with the browser of the person. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { createSurroundings, INSTALLED } from './client-process.ts';
import { startSignedInTarget } from './signed-in-target.ts';

const MCP_REMOTE = join(INSTALLED, 'mcp-remote/dist/proxy.js');

test('mcp-remote shows where to sign in, and works once the person has allowed it', async () => {
  const surroundings = await createSurroundings();
  const target = await startSignedInTarget('legacy');
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [MCP_REMOTE, target.url.href, '--transport', 'http-only'],
    env: surroundings.env,
    stderr: 'pipe',
  });
  const client = new Client({ name: 'desktop', version: '1' });
  let said = '';
  const authorizationUrl = new Promise<string>((resolve) => {
    transport.stderr!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const url = /http:\S+\/oauth\/authorize\?\S+/.exec(said)?.[0];
      if (url !== undefined) resolve(url);
    });
  });
  try {
    const connected = client.connect(transport);
    const back = await target.allow(await authorizationUrl);
    assert.equal((await fetch(back)).status, 200, 'its own listener takes the code');
    await connected;
    assert.ok((await client.listTools()).tools.length > 0, said);
  } finally {
    await client.close();
    await target.close();
    await surroundings.remove();
  }
});
