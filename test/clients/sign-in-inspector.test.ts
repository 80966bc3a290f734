/** The Inspector 2.12 finds its own way from a URL to a call: on the command line, and in its web page in a real browser. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBrowser } from '../browser/open-browser.ts';
import { freePort } from '../free-port.ts';
import { PASSWORD } from '../sign-in.ts';
import { createSurroundings, INSTALLED } from './client-process.ts';
import { startSignedInTarget } from './signed-in-target.ts';

const INSPECTOR = join(INSTALLED, '@modelcontextprotocol/inspector/clients/launcher/build/index.js');

/** What a program says, with a look at it while it runs. */
function listenTo(child: ChildProcess) {
  const said = { stdout: '', stderr: '' };
  const closed = once(child, 'close') as Promise<[number | null]>;
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (said.stdout += chunk));
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (said.stderr += chunk));
  return {
    said,
    closed,
    async find(pattern: RegExp): Promise<string> {
      for (;;) {
        const found = pattern.exec(said.stdout + said.stderr)?.[0];
        if (found !== undefined) return found;
        const more = Promise.race([once(child.stdout!, 'data'), once(child.stderr!, 'data')]).then(() => true);
        if (!(await Promise.race([more, closed.then(() => false)]))) {
          throw new Error(`It ended without ${pattern}: ${said.stdout}${said.stderr}`);
        }
      }
    },
  };
}

test('mcp-inspector --cli opens the browser once, and keeps what it got', async () => {
  const surroundings = await createSurroundings();
  const target = await startSignedInTarget('legacy');
  const callback = `http://127.0.0.1:${await freePort()}/oauth/callback`;
  const call = ['--method', 'tools/call', '--tool-name', 'echo', '--tool-arg', 'text=hello', '--format', 'json'];
  const start = (...more: string[]) =>
    spawn(
      process.execPath,
      [INSPECTOR, '--cli', '--server-url', target.url.href, '--transport', 'http', ...more, ...call],
      {
        // It opens a browser where it may, and nobody looks at that one; what it prints is enough.
        env: {
          ...surroundings.env,
          MCP_AUTO_OPEN_ENABLED: 'true',
          BROWSER: 'true',
          MCP_INSPECTOR_SECRET_STORE: 'file',
        },
      },
    );
  try {
    const first = listenTo(start('--callback-url', callback));
    const back = await target.allow(await first.find(/http:\S+\/oauth\/authorize\?\S+/));
    assert.equal((await fetch(back)).status, 200, 'its own listener takes the code');
    assert.equal((await first.closed)[0], 0, first.said.stderr);
    assert.match(first.said.stdout, /"hello"/);
    const second = listenTo(start('--stored-auth-only'));
    assert.equal((await second.closed)[0], 0, second.said.stderr);
    assert.match(second.said.stdout, /"hello"/);
  } finally {
    await target.close();
    await surroundings.remove();
  }
});

test('the page of the Inspector goes to sign in, comes back connected, and calls', async () => {
  const surroundings = await createSurroundings();
  const target = await startSignedInTarget('legacy');
  const inspector = spawn(
    process.execPath,
    [INSPECTOR, '--web', '--server-url', target.url.href, '--transport', 'http'],
    {
      env: {
        ...surroundings.env,
        CLIENT_PORT: String(await freePort()),
        MCP_SANDBOX_PORT: '0',
        MCP_AUTO_OPEN_ENABLED: 'false',
        MCP_INSPECTOR_SECRET_STORE: 'memory',
      },
    },
  );
  const { find, closed } = listenTo(inspector);
  const browser = await openBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(await find(/http:\S+\?MCP_INSPECTOR_API_TOKEN=\w+/));
    // The switch itself lies below its picture.
    await page.getByRole('switch', { name: /^Connect or disconnect/ }).click({ force: true });
    await page.getByLabel('Name or e-mail address').fill(target.person.name);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Allow access?' }).waitFor();
    assert.match(await page.locator('body').innerText(), /MCP Inspector/);
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByText('Connected', { exact: true }).waitFor();
    await page.getByText('Tools', { exact: true }).first().click();
    await page.getByText('echo', { exact: true }).first().click();
    await page.getByLabel('text', { exact: true }).fill('hello from the page');
    await page.getByRole('button', { name: 'Execute Tool' }).click();
    await page.getByText('hello from the page', { exact: true }).last().waitFor();
    const { body } = await target.gateway.admin('GET', '/audit/events?action=tool.call');
    assert.equal(body.items[0].principalName, target.person.name);
    assert.match(body.items[0].agentName, /Inspector/);
  } finally {
    await browser.close();
    inspector.kill();
    await closed;
    await target.close();
    await surroundings.remove();
  }
});
