import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../model/json.ts';
import { parseSettings } from './parse-settings.ts';
import { readUpstreams } from './read-upstreams.ts';
import { SETTINGS } from './settings.ts';

const DEFAULTS = parseSettings({}).settings;

test('what is at fault has its default, and the rest keeps what was set', () => {
  const { settings, faults, isFaulty } = parseSettings({
    listen: { host: 5, port: 1 },
    audit: 'strict',
    allowedHosts: ['ok.example', '*'],
    limits: { depth: 8, deep: 1 },
    unknown: true,
  });
  assert.deepEqual(settings, {
    ...DEFAULTS,
    listen: { host: '127.0.0.1', port: 1 },
    limits: { ...DEFAULTS.limits, depth: 8 },
  });
  assert.deepEqual(faults.map(({ path }) => path.join('.')).sort(), [
    'allowedHosts.1',
    'audit',
    'limits.deep',
    'listen.host',
    'unknown',
  ]);
  assert.deepEqual(['listen.host', 'listen.port', 'audit.mode', 'allowedHosts', 'limits.depth'].filter(isFaulty), [
    'listen.host',
    'audit.mode',
    'allowedHosts',
  ]);
});

const keys = [...new Set(SETTINGS.flatMap((setting) => setting.keys)), '__proto__', 'constructor', 'x'];
const { anything } = fc.letrec<{ anything: unknown; map: unknown }>((tie) => ({
  anything: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(
      null,
      true,
      0,
      -1,
      3,
      8420,
      1.5,
      1e300,
      '',
      'none',
      'strict',
      'https://a.example',
      '10.0.0.0/8',
      '*',
    ),
    fc.string(),
    fc.array(tie('anything'), { maxLength: 3 }),
    tie('map'),
  ),
  map: fc.dictionary(fc.constantFrom(...keys), tie('anything'), { maxKeys: 5 }),
}));
const someMap = (names: readonly string[]) => fc.dictionary(fc.constantFrom(...names), anything, { maxKeys: 6 });

test('property: whatever stands in the file, there are settings and a list of faults, and no exception', () => {
  fc.assert(
    fc.property(someMap(keys), (raw) => {
      const { settings, faults } = parseSettings(raw as JsonObject);
      assert.ok(settings.listen.port >= 0);
      for (const { problem, fix } of faults) assert.ok(problem.length > 0 && fix.length > 0);
    }),
    { numRuns: 500 },
  );
});

test('property: whatever stands under `upstreams`, each entry is read or at fault, and no exception', () => {
  const entryKeys = [
    'name',
    'url',
    'command',
    'env',
    'auth',
    'headers',
    'transport',
    'cwd',
    'enabled',
    '__proto__',
    'comand',
  ];
  fc.assert(
    fc.property(fc.array(fc.oneof(someMap(entryKeys), anything), { maxLength: 4 }), (entries) => {
      const { upstreams, faults } = readUpstreams(entries, '/', {});
      const faulty = new Set(faults.map(({ path }) => path[1]));
      assert.ok(upstreams.length + faulty.size >= entries.length);
    }),
    { numRuns: 500 },
  );
});
