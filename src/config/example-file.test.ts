import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { validateRoles } from '../policy/validate-roles.ts';
import { loadConfig } from './load-config.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../examples');

test('examples/toolgate.yaml is a configuration without faults and doubts, in any environment', async () => {
  const { config, warnings } = await loadConfig({ env: {}, cwd: EXAMPLES });
  assert.deepEqual(warnings, []);
  assert.deepEqual(
    config.upstreams.map(({ name, enabled }) => [name, enabled]),
    [
      ['notes', true],
      ['github', false],
      ['tickets', false],
    ],
  );
  assert.deepEqual(
    validateRoles(config.roles).map(({ name }) => name),
    ['engineer', 'support'],
  );
});

test('what is switched off in it is complete once its variables are there', async () => {
  const env = { GITHUB_TOKEN: 'x' };
  const { config } = await loadConfig({ env, cwd: EXAMPLES });
  assert.deepEqual([...config.upstreamHeaders.keys()], ['github']);
});

test('the program that it names is there', () => {
  const text = readFileSync(resolve(EXAMPLES, 'toolgate.yaml'), 'utf8');
  assert.match(text, /command: \[node, notes-server\.ts\]/);
  assert.ok(readFileSync(resolve(EXAMPLES, 'notes-server.ts')).length > 0);
});
