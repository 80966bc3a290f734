/**
 * Where the time of one call goes, by sampling: areas of the code and single functions, in microseconds for one call.
 *
 *   node bench/profile.ts [W1 | W2] [--of hop | async | strict] [--connections 32] [--seconds 6] [--top 40]
 */
import { parseArgs } from 'node:util';
import type { SelfTime } from './harness/cpu-profile.ts';
import { profileServer } from './harness/profile-server.ts';
import { createStand } from './harness/stand.ts';
import { killAll } from './harness/start-process.ts';
import { echoCall } from './workloads/w1-echo.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    of: { type: 'string', default: 'async' },
    connections: { type: 'string', default: '32' },
    seconds: { type: 'string', default: '6' },
    top: { type: 'string', default: '40' },
  },
});
const BYTES: Readonly<Record<string, number>> = { W1: 200, W2: 100_000 };
const bytes = BYTES[positionals[0] ?? 'W1'];
const { of } = values;
if (bytes === undefined || (of !== 'hop' && of !== 'async' && of !== 'strict')) {
  throw new Error('What can be profiled: W1 or W2, --of hop, async or strict.');
}

const print = (title: string, times: readonly SelfTime[]): void => {
  console.log(`\n${title}`);
  for (const { name, us } of times) console.log(`${us.toFixed(2).padStart(9)} µs  ${name}`);
};

const stand = await createStand(false);
try {
  const { name, calls, busyUs, areas, functions, otherThreadsUs } = await profileServer(stand, {
    of,
    templateOf: (server) => echoCall(server, bytes).template,
    connections: Number(values.connections),
    durationMs: Number(values.seconds) * 1_000,
  });
  console.log(`${name}: ${calls} calls, for one call ${busyUs.toFixed(1)} µs of the main thread as sampled,`);
  console.log(`and ${otherThreadsUs.toFixed(1)} µs of CPU time of other threads`);
  print('areas', areas);
  print('functions by self time', functions.slice(0, Number(values.top)));
} finally {
  await stand.stop();
  killAll();
}
