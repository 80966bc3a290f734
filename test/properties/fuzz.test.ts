/** Whatever strangers send is read or refused in order. `npm run fuzz` does the same for as long as one likes. */
import { test } from 'node:test';
import fc from 'fast-check';
import { FUZZ_TARGETS } from './fuzz-targets.ts';

for (const { name, property } of FUZZ_TARGETS) {
  test(`property: ${name} breaks on nothing`, () => {
    fc.assert(property(), { numRuns: 3_000 });
  });
}
