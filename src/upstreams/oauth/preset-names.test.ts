import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROVIDER_PRESETS } from '../../model/upstream.ts';
import { PRESETS } from './provider/presets.ts';

test('what can be named as `preset` is what there is', () => {
  assert.deepEqual([...PROVIDER_PRESETS].sort(), Object.keys(PRESETS).sort());
});
