/** Storing what the configuration file refers to, under the right name and under a wrong one. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFolder, serveIn } from './cli-process.ts';

const CONFIG = `upstreams:
  - name: jira
    url: http://127.0.0.1:9/mcp
    auth: { headers: { Authorization: 'Bearer \${vault:jira_token}' } }
  - name: notes
    enabled: false
    command: [node, notes.js]
    env: { A: '\${vault:notes_token} \${vault:notes_token}', B: '\${vault:other}' }
`;

test('a name that no reference uses is stored with a warning that names those that are', async (t) => {
  const folder = await createFolder();
  t.after(folder.remove);
  await writeFile(join(folder.path, 'toolgate.yaml'), CONFIG);
  const gateway = await serveIn(folder.path);
  const store = (upstream: string, entry: string, ...flags: string[]) =>
    gateway.run(['upstream', 'credential', upstream, entry, ...flags], { input: 'secret-value-5512\n' });

  const right = await store('jira', 'jira_token');
  assert.deepEqual([right.code, right.stderr], [0, '']);
  const misspelt = await store('jira', 'jira_tokne');
  assert.equal(misspelt.code, 0);
  assert.match(misspelt.stdout, /^Stored jira_tokne for jira/);
  assert.equal(
    misspelt.stderr,
    'warning: nothing uses jira_tokne yet: the configuration file has no ${vault:jira_tokne} for jira. ' +
      'It refers to jira_token there. Did you mean jira_token?\n',
  );
  const elsewhere = await store('notes', 'jira_token', '--json');
  assert.deepEqual(elsewhere.json.unused, ['jira_token']);
  assert.deepEqual(elsewhere.json.references, [
    { upstream: 'jira', name: 'jira_token' },
    { upstream: 'notes', name: 'notes_token' },
    { upstream: 'notes', name: 'other' },
  ]);
  assert.match(elsewhere.stderr, /It refers to notes_token, other there\..* For jira it does; entries are stored/);
  await gateway.stop();
});
