import { personName } from '../harness/fixture-accounts.ts';
import type { LoadResult } from '../harness/load-result.ts';
import { type Measured, measure, median, medianOf } from '../harness/rounds.ts';
import { count, ms, type Table, times, us, type Verdict } from '../harness/section.ts';
import { type Grant, machineTokenRequest, obtainGrants } from '../harness/sign-in-client.ts';
import type { Gateway, Stand } from '../harness/stand.ts';
import type { BenchProcess } from '../harness/start-process.ts';
import type { SignInLoadCommands } from '../sign-in-load.ts';
import { originOf } from './s1-cold-sign-in.ts';
import { echoCall } from './w1-echo.ts';

export type SignInLoad = BenchProcess<SignInLoadCommands>;

const CONNECTIONS = 8;
const RACERS = 50;

/** Tokens per second, in turns with tool calls, so that it can be said how many calls one token costs. */
export async function tokenEndpoint(stand: Stand, gateway: Gateway, clients: SignInLoad): Promise<Table> {
  const origin = originOf(gateway);
  const durationMs = stand.quick ? 400 : 1_500;
  const closed = (template: ReturnType<typeof machineTokenRequest>) => (): Promise<LoadResult> =>
    stand.load.ask('closed', { template, connections: CONNECTIONS, durationMs });
  let grants: readonly Grant[] = await obtainGrants(origin, personName(0), CONNECTIONS);
  const refreshes = async (): Promise<LoadResult> => {
    const done = await clients.ask('refreshes', { origin, grants, durationMs });
    grants = done.grants;
    return done.result;
  };
  const loads = [
    { name: 'tool call (baseline)', run: closed(echoCall(gateway, 200).template) },
    { name: 'client credentials', run: closed(machineTokenRequest(gateway.port)) },
    { name: 'refresh, rotated each time', run: refreshes },
  ];
  for (const { run } of loads) await run();
  const samples = loads.map((): Measured[] => []);
  for (let round = 0; round < (stand.quick ? 1 : 3); round++) {
    for (const [i, { run }] of loads.entries()) samples[i]!.push(await measure(gateway, run));
  }
  return {
    caption: `One request after the other on ${CONNECTIONS} connections.`,
    columns: ['request', 'per second', 'CPU', 'main thread alone', 'CPU in tool calls', 'p50', 'p99'],
    rows: loads.map(({ name }, i) => {
      const { callsPerSecond, cpuUs, mainThreadUs, latency } = medianOf(samples[i]!);
      const ratio = median(samples[i]!.map((sample, round) => sample.cpuUs / samples[0]![round]!.cpuUs));
      return [name, count(callsPerSecond), us(cpuUs), us(mainThreadUs), times(ratio), ms(latency.p50), ms(latency.p99)];
    }),
  };
}

/** Many requests with one refresh token at the same instant, against one. */
export async function parallelRefreshes(
  stand: Stand,
  gateway: Gateway,
  clients: SignInLoad,
): Promise<{ table: Table; verdict: Verdict }> {
  const origin = originOf(gateway);
  let [grant] = (await obtainGrants(origin, personName(0), 1)) as [Grant];
  const race = async (racers: number) => {
    const raced = await clients.ask('race', { origin, grant, count: racers });
    grant = raced.grant;
    return raced;
  };
  // Opens the connections.
  await race(RACERS);
  const alone: number[] = [];
  const together: Awaited<ReturnType<typeof race>>[] = [];
  for (let round = 0; round < (stand.quick ? 2 : 7); round++) {
    alone.push((await race(1)).wallMs);
    together.push(await race(RACERS));
  }
  const one = median(alone);
  const all = median(together.map(({ wallMs }) => wallMs));
  const alike = together.filter(({ answered, successors }) => answered === RACERS && successors === 1).length;
  return {
    table: {
      caption: 'Refreshing with one and the same token at the same instant.',
      columns: ['requests', 'until all are answered', 'against one', 'different refresh tokens in the answers'],
      rows: [
        ['1', ms(one), times(1), '1'],
        [String(RACERS), ms(all), times(all / one), String(Math.max(...together.map(({ successors }) => successors)))],
      ],
    },
    verdict: {
      target: `all of ${RACERS} parallel refreshes get the same successor`,
      measured: `in ${alike} of ${together.length} rounds`,
      met: alike === together.length,
    },
  };
}
