import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectLines, renderConnectLines } from './connect-lines.ts';

const target = { endpoint: 'http://127.0.0.1:8420/mcp', key: `tgs_${'x'.repeat(49)}` };
const linesOf = (client: string) =>
  connectLines(target)
    .find((one) => one.client.startsWith(client))!
    .lines.join('\n');

test('no line is wider than 100 characters', () => {
  const wide = renderConnectLines(target)
    .split('\n')
    .filter((line) => line.length > 100);
  assert.deepEqual(wide, []);
});

test('Cursor and VS Code get JSON that is valid as it stands', () => {
  const cursor = JSON.parse(linesOf('Cursor'));
  assert.deepEqual(cursor.mcpServers.toolgate, {
    url: target.endpoint,
    headers: { Authorization: `Bearer ${target.key}` },
  });
  const code = JSON.parse(linesOf('VS Code'));
  assert.equal(code.servers.toolgate.type, 'http');
});

test('the request of the curl line is valid JSON, also when its lines are indented', () => {
  const body = /-d '(.*)'$/s.exec(linesOf('curl'))![1]!;
  assert.equal(JSON.parse(body).params._meta['io.modelcontextprotocol/protocolVersion'], '2026-07-28');
});

test('a key with another name is announced under that name', () => {
  const [claude] = connectLines({ ...target, name: 'work' });
  assert.match(claude!.lines[0]!, /--transport http work http/);
});
