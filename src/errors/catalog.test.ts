import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CATALOG } from './catalog.ts';

test('each code of our own means one thing', () => {
  const own = Object.values(CATALOG)
    .map(({ rpc }) => rpc)
    .filter((rpc) => rpc > 0);
  assert.deepEqual(
    own.filter((rpc, i) => own.indexOf(rpc) !== i),
    [],
  );
});
