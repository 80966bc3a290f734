import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Era } from '../../src/model/catalogue.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { createSurroundings, INSTALLED } from './client-process.ts';
import { promptTextOf, textOf } from './driver.ts';
import { DENIED_TOOL, startTarget, type Target } from './target.ts';

const INSPECTOR = join(INSTALLED, '@modelcontextprotocol/inspector/clients/launcher/build/index.js');

interface Run {
  /** Exit code; the Inspector has one for each kind of failure. */
  readonly code: number;
  readonly result: JsonObject;
  readonly error: JsonObject;
}

/** `mcp-inspector --cli`: one process, one connection and one request each time. */
async function inspect(
  { url, headers }: Pick<Target, 'url' | 'headers'>,
  era: Era,
  env: Record<string, string>,
  request: readonly string[],
): Promise<Run> {
  const sent = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
  const connection = ['--server-url', url.href, '--transport', 'http', '--protocol-era', era, ...sent];
  const output = ['--format', 'json', '--quiet', '--stored-auth-only'];
  const run = promisify(execFile)(
    process.execPath,
    [INSPECTOR, '--cli', ...connection, ...output, '--method', ...request],
    { env },
  );
  const { stdout, stderr, code } = await run.then(
    (done) => ({ ...done, code: 0 }),
    (failed: { stdout: string; stderr: string; code: number }) => failed,
  );
  const parse = (text: string) => JSON.parse(text.trim() || '{}');
  return { code, result: parse(stdout).result ?? {}, error: parse(stderr).error ?? {} };
}

for (const era of ['legacy', 'modern'] as const) {
  test(`mcp-inspector --cli 2.12 (${era})`, async (t) => {
    const surroundings = await createSurroundings();
    const target = await startTarget(era);
    const send = (...request: string[]) => inspect(target, era, surroundings.env, request);
    try {
      await t.test('lists the allowed tools of all pages, and no other', async () => {
        const { result } = await send('tools/list');
        const names = (result.tools as JsonObject[]).map((tool) => tool.name);
        assert.ok(names.includes('echo') && names.includes('wait_for_cancellation'));
        assert.ok(!names.includes(DENIED_TOOL));
      });

      await t.test('calls a tool', async () => {
        const { result } = await send('tools/call', '--tool-name', 'echo', '--tool-arg', 'text=hello');
        assert.equal(textOf(result), 'hello');
      });

      await t.test('calls a tool that reports progress', async () => {
        const { result } = await send('tools/call', '--tool-name', 'test_tool_with_progress');
        assert.equal(textOf(result), 'Progress reported.');
      });

      await t.test('does not find a tool that is not allowed', async () => {
        const { code, error } = await send('tools/call', '--tool-name', DENIED_TOOL);
        assert.equal(error.code, 'tool_not_found');
        assert.notEqual(code, 0);
      });

      await t.test('gets a prompt', async () => {
        const { result } = await send(
          'prompts/get',
          '--prompt-name',
          'test_prompt_with_arguments',
          '--prompt-args',
          'arg1=a',
          'arg2=b',
        );
        assert.equal(promptTextOf(result), "Prompt with arguments: arg1='a', arg2='b'");
      });

      await t.test('reads a resource and lists the templates', async () => {
        const { result } = await send('resources/read', '--uri', 'test://static-text');
        assert.equal((result.contents as JsonObject[])[0]?.mimeType, 'text/plain');
        const templates = (await send('resources/templates/list')).result.resourceTemplates as JsonObject[];
        assert.equal(templates[0]?.uriTemplate, 'test://template/{id}/data');
      });

      await t.test('is refused without a credential', async () => {
        const { code, result } = await inspect({ url: target.url, headers: {} }, era, surroundings.env, ['tools/list']);
        assert.notEqual(code, 0);
        assert.deepEqual(result, {});
      });
    } finally {
      await target.close();
      await surroundings.remove();
    }
  });
}
