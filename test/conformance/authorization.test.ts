/**
 * The `authorization` command of the official suite against our authorization server: its metadata, and a sign-in that the
 * suite begins as a client and a person finishes in a browser.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { freePort } from '../free-port.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { Browser } from '../oauth-browser.ts';
import { register } from '../oauth-client.ts';
import { addPerson, PASSWORD, type Person } from '../sign-in.ts';

const SUITE = join(import.meta.dirname, '../clients/node_modules/conformance-modern/dist/index.js');

for (const revision of ['2025-11-25', '2026-07-28']) {
  test(`conformance of the authorization server at ${revision}`, async (t) => {
    const gateway = await startToolgate();
    const outputDir = await mkdtemp(join(tmpdir(), 'conformance-authorization-'));
    try {
      const person = await addPerson(gateway, 'ann@example.com', ['full-access']);
      await runSuite(gateway, person, revision, outputDir);
      const checks = await readChecks(outputDir);
      const bad = checks.filter(({ status }) => status !== 'SUCCESS' && status !== 'INFO');
      t.diagnostic(`${checks.length} checks`);
      assert.ok(checks.length >= 2, 'metadata and sign-in');
      assert.deepEqual(bad, []);
    } finally {
      await gateway.close();
      await rm(outputDir, { recursive: true });
    }
  });
}

async function runSuite(gateway: TestGateway, person: Person, revision: string, outputDir: string): Promise<void> {
  // The suite listens on a port that has to be registered before it starts.
  const port = String(await freePort());
  const clientId = await register(gateway.url, { redirect_uris: [`http://127.0.0.1:${port}/callback`] });
  const child = spawn(
    process.execPath,
    [
      SUITE,
      'authorization',
      ...['--url', gateway.url, '--client-id', clientId, '--resource', `${gateway.url}/mcp`],
      ...['--port', port, '--spec-version', revision, '-o', outputDir],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = new Promise((resolve) => child.on('exit', resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith(`${gateway.url}/oauth/authorize?`)) await finishInBrowser(gateway, person, line);
  }
  await ended;
}

async function finishInBrowser(gateway: TestGateway, person: Person, url: string): Promise<void> {
  const browser = new Browser(gateway.url);
  const consent = await browser.submit(await browser.open(url), { login: person.name, password: PASSWORD });
  const { url: redirect } = await browser.submit(consent, { decision: 'allow' });
  await fetch(redirect);
}

async function readChecks(outputDir: string) {
  const files = await readdir(outputDir, { recursive: true });
  const reports = files.filter((file) => file.endsWith('checks.json'));
  const checks = await Promise.all(reports.map((file) => readFile(join(outputDir, file), 'utf8')));
  return checks.flatMap((json) => JSON.parse(json) as { id: string; status: string; errorMessage?: string }[]);
}
