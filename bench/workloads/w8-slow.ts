import type { ClosedLoad } from '../harness/closed-loop.ts';
import type { LoadResult } from '../harness/load-result.ts';
import { DISTINCT, toolCall } from '../harness/request-bytes.ts';
import { median, requireAllAnswered } from '../harness/rounds.ts';
import { atMost, ms, type Section, times } from '../harness/section.ts';
import type { Server, Stand } from '../harness/stand.ts';

const CONNECTIONS = 1_000;
const MAX_RATIO = 1.05;

const LOADS = [
  { name: 'each caller on its own', spreadMs: 1_000, calls: 3 * CONNECTIONS },
  { name: 'all at the same instant', spreadMs: 0, calls: CONNECTIONS },
] as const;

export async function w8Slow(stand: Stand): Promise<Section> {
  const servers = [stand.direct, await stand.hop(), await stand.gateway('async'), await stand.gateway('strict')];
  const rows: string[][] = [];
  const verdicts = [];
  for (const { name, spreadMs, calls } of LOADS) {
    const results = servers.map((): LoadResult[] => []);
    for (let round = 0; round < (stand.quick ? 1 : 3); round++) {
      for (const [i, server] of servers.entries()) {
        const load: ClosedLoad = { template: slowCall(server), connections: CONNECTIONS, calls, spreadMs };
        // Opens the connections, so that no call has to wait for its own.
        if (round === 0)
          await stand.load.ask('closed', { ...load, template: quickCall(server), calls: 2 * CONNECTIONS });
        const result = await stand.load.ask('closed', load);
        requireAllAnswered(server.name, result);
        results[i]!.push(result);
      }
    }
    const of = (i: number, pick: (result: LoadResult) => number) => median(results[i]!.map(pick));
    for (const [i, server] of servers.entries()) {
      const mean = of(i, ({ latency }) => latency.mean);
      const p99 = of(i, ({ latency }) => latency.p99);
      const ratio = mean / of(0, ({ latency }) => latency.mean);
      rows.push([name, server.name, ms(mean), times(ratio), ms(p99), times(p99 / of(0, ({ latency }) => latency.p99))]);
      if (i >= 2) verdicts.push(atMost(`mean latency, ${server.name}, ${name}`, ratio, MAX_RATIO));
    }
  }
  return {
    id: 'W8',
    title: '1,000 calls at a time to an upstream that takes one second',
    about:
      'Latency through the gateway against the same calls made to the upstream directly: with callers that know nothing ' +
      'of each other, and with 1,000 calls sent in one burst. In a burst a call waits for the processor half as long as ' +
      'all of them take together (W1: CPU per call), and in strict mode for the commit of their records before any may go on.',
    tables: [{ columns: ['load', 'server', 'mean', 'against direct', 'p99', 'against direct'], rows }],
    verdicts,
  };
}

const slowCall = (server: Server) =>
  toolCall({ ...server, path: `${server.pathPrefix}slow` }, 'echo', `${DISTINCT} takes its time`);
const quickCall = (server: Server) => toolCall({ ...server, path: `${server.pathPrefix}echo` }, 'echo', DISTINCT);
