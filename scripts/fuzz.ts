/**
 * Fuzzes what strangers feed, with new seeds until time is up: `npm run fuzz [minutes]`, ten unless given. Ends with code 1
 * and what to repeat it with at the first input that breaks something, or when memory grows without end.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { FUZZ_TARGETS } from '../test/properties/fuzz-targets.ts';

const MINUTES = Number(process.argv[2] ?? 10);
const RUNS = 20_000;
const MAX_GROWTH = 64 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function bytesInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const end = performance.now() + MINUTES * 60_000;
let before: number | undefined;
let rounds = 0;
while (performance.now() < end) {
  for (const { name, property } of FUZZ_TARGETS) {
    const run = fc.check(property(), { numRuns: RUNS });
    if (!run.failed) continue;
    console.error(`${name} broke after ${run.numRuns} inputs.\n${fc.defaultReportMessage(run)}`);
    process.exit(1);
  }
  rounds++;
  // The first round fills caches.
  before ??= bytesInUse();
  const grown = bytesInUse() - before;
  if (grown > MAX_GROWTH) {
    console.error(`${Math.round(grown / 1024 / 1024)} MiB more are in use after ${rounds} rounds.`);
    process.exit(1);
  }
  if (rounds % 10 === 0) console.log(`${rounds * RUNS} inputs each, ${Math.round(grown / 1024)} KiB more in use`);
}
