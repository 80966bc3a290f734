import { setTimeout } from 'node:timers/promises';
import { personName } from '../harness/fixture-accounts.ts';
import type { LoadResult } from '../harness/load-result.ts';
import { median, requireAllAnswered } from '../harness/rounds.ts';
import { count, ms, type Table, times, type Verdict } from '../harness/section.ts';
import { type Grant, obtainGrants } from '../harness/sign-in-client.ts';
import type { StormResult } from '../harness/sign-in-storm.ts';
import type { Gateway, Stand } from '../harness/stand.ts';
import { originOf } from './s1-cold-sign-in.ts';
import type { SignInLoad } from './s1-token-endpoint.ts';
import { echoCall } from './w1-echo.ts';

const CALLS_PER_SECOND = 300;
const CONNECTIONS = 64;
/** The storm begins before the calls do, and outlasts them. */
const AHEAD_MS = 500;
const BEHIND_MS = 300;
const MAX_RATIO = 2;

export const STORM_PEOPLE = 8;
const MACHINES = 16;
const CLIENTS = 8;

const STORMS = [
  { name: 'none', people: 0, machines: 0, clients: 0 },
  { name: `passwords: ${STORM_PEOPLE} people at a time`, people: STORM_PEOPLE, machines: 0, clients: 0 },
  { name: `client credentials: ${MACHINES} at a time`, people: 0, machines: MACHINES, clients: 0 },
  { name: `refreshes: ${CLIENTS} at a time`, people: 0, machines: 0, clients: CLIENTS },
  { name: 'all of these together', people: STORM_PEOPLE, machines: MACHINES, clients: CLIENTS },
] as const;

interface Sample {
  readonly calls: LoadResult;
  readonly storm: StormResult;
}

/** Tool calls at a fixed rate, with and without people and programs that sign in as fast as they get answers. */
export async function signInStorm(
  stand: Stand,
  gateway: Gateway,
  clients: SignInLoad,
): Promise<{ table: Table; verdicts: Verdict[] }> {
  const { template } = echoCall(gateway, 200);
  const durationMs = stand.quick ? 800 : 2_500;
  const { port } = gateway;
  let grants: readonly Grant[] = await obtainGrants(originOf(gateway), personName(0), CLIENTS);

  async function run({ name, people, machines, clients: refreshing }: (typeof STORMS)[number]): Promise<Sample> {
    const used = refreshing > 0 ? grants : [];
    const lastsMs = people + machines + refreshing > 0 ? AHEAD_MS + durationMs + BEHIND_MS : 0;
    const storming = clients.ask('storm', { port, people, machines, grants: used, durationMs: lastsMs });
    await setTimeout(AHEAD_MS);
    // The gateway closes connections that were opened and not used for a while, as most are at this rate.
    await stand.load.ask('close', port);
    const calls = await stand.load.ask('open', {
      template,
      callsPerSecond: CALLS_PER_SECOND,
      durationMs,
      connections: CONNECTIONS,
    });
    requireAllAnswered(`calls during the storm “${name}”`, calls);
    const storm = await storming;
    if (refreshing > 0) ({ grants } = storm);
    return { calls, storm };
  }

  const samples = STORMS.map((): Sample[] => []);
  await run(STORMS[0]);
  for (let round = 0; round < (stand.quick ? 1 : 3); round++) {
    for (let turn = 0; turn < STORMS.length; turn++) {
      const index = (round + turn) % STORMS.length;
      samples[index]!.push(await run(STORMS[index]!));
    }
  }
  const of = (index: number, pick: (sample: Sample) => number) => median(samples[index]!.map(pick));
  const p99 = (index: number) => of(index, ({ calls }) => calls.latency.p99);
  const rows = STORMS.map(({ name }, i) => [
    name,
    count(of(i, ({ storm }) => storm.logins / storm.seconds)),
    count(of(i, ({ storm }) => storm.tokens / storm.seconds)),
    ms(of(i, ({ calls }) => calls.latency.p50)),
    ms(p99(i)),
    times(p99(i) / p99(0)),
    ms(of(i, ({ calls }) => calls.latency.max)),
  ]);
  return {
    table: {
      caption:
        `${CALLS_PER_SECOND} tool calls in a second (audit strict, open loop, ${CONNECTIONS} connections that are open ` +
        'before) while others sign in at full rate, all on the one processor of the gateway. The event loop takes one new ' +
        'connection a turn (libuv #3696), so several hundred that arrive at the same instant of a storm wait for as many turns.',
      columns: ['storm', 'logins/s', 'tokens/s', 'p50 of calls', 'p99 of calls', 'against none', 'longest call'],
      rows,
    },
    verdicts: STORMS.slice(1).map(({ name }, i) => {
      const ratio = p99(i + 1) / p99(0);
      return {
        target: `p99 of calls in a storm of ${name} ≤ ${times(MAX_RATIO)}`,
        measured: times(ratio),
        met: ratio <= MAX_RATIO,
      };
    }),
  };
}
