import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderConfigDocs } from './render-docs.ts';
import { SettingsSchema } from './schema.ts';
import { type AnySchema, membersOf, SETTINGS } from './settings.ts';
import { HttpUpstreamSchema, StdioUpstreamSchema } from './upstream-schema.ts';

function undescribed(schema: AnySchema, path: string): string[] {
  return Object.entries(membersOf(schema) ?? {}).flatMap(([key, member]) => [
    ...(member.description ? [] : [`${path}.${key}`]),
    ...undescribed(member, `${path}.${key}`),
  ]);
}

test('every field of the schema has a description', () => {
  const missing = [
    ...undescribed(SettingsSchema, ''),
    ...undescribed(HttpUpstreamSchema, 'http'),
    ...undescribed(StdioUpstreamSchema, 'stdio'),
  ];
  assert.deepEqual(missing, []);
});

test('variables and flags are unique and follow from the path', () => {
  assert.equal(new Set(SETTINGS.map(({ variable }) => variable)).size, SETTINGS.length);
  assert.equal(new Set(SETTINGS.map(({ flag }) => flag)).size, SETTINGS.length);
  const named = (path: string) => {
    const setting = SETTINGS.find((candidate) => candidate.path === path);
    return setting && [setting.variable, setting.flag];
  };
  assert.deepEqual(named('audit.deadlineMs'), ['TOOLGATE_AUDIT_DEADLINE_MS', 'audit-deadline-ms']);
  assert.deepEqual(named('publicUrl'), ['TOOLGATE_PUBLIC_URL', 'public-url']);
  assert.deepEqual(named('listen.port'), ['TOOLGATE_LISTEN_PORT', 'port']);
});

test('no setting takes the variable that Kubernetes sets next to a service called toolgate', () => {
  assert.ok(SETTINGS.every(({ variable }) => !/^TOOLGATE_(PORT|SERVICE)(_|$)/.test(variable)));
});

test('what is a restart for a group is one for its members', () => {
  const needing = SETTINGS.filter(({ needsRestart }) => needsRestart).map(({ path }) => path);
  for (const path of ['listen.host', 'listen.port', 'dataDir', 'masterKey.file', 'audit.mode'])
    assert.ok(needing.includes(path), path);
  assert.ok(!needing.includes('allowedHosts'));
});

test('the docs name every setting with its variable and flag, and every key of an upstream', () => {
  const docs = renderConfigDocs();
  for (const { path, variable, flag, kind } of SETTINGS) {
    if (kind === 'structure')
      assert.ok(docs.includes(`## \`${path}\``) || docs.includes(`## Each of \`${path}\``), path);
    else assert.ok(docs.includes(`\`${path}\``) && docs.includes(`\`${variable}\`<br>\`--${flag}\``), path);
  }
  for (const key of [...Object.keys(membersOf(HttpUpstreamSchema)!), ...Object.keys(membersOf(StdioUpstreamSchema)!)]) {
    assert.ok(docs.includes(`| \`${key}\` |`), key);
  }
});
