import type { LoadResult } from '../harness/load-result.ts';
import { DISTINCT, toolCall } from '../harness/request-bytes.ts';
import { type Comparison, compare, type Measured, measure, median, medianOf, type Variant } from '../harness/rounds.ts';
import { atMost, CALL_COLUMNS, comparisonRows, type Section } from '../harness/section.ts';
import type { Server, Stand } from '../harness/stand.ts';

const TEXT_BYTES = 200;
const CONNECTIONS = [1, 32, 256];

/** A `tools/call` of the echo tool, with a text of this length that no other call has. */
export function echoCall(server: Server, bytes: number): Variant {
  const text = `${DISTINCT} ${'Lorem ipsum dolor sit amet, '.repeat(Math.ceil(bytes / 28))}`.slice(0, bytes);
  return { server, template: toolCall({ ...server, path: `${server.pathPrefix}echo` }, 'echo', text) };
}

/** The same on `/mcp`, where the name carries the upstream and has to be rewritten. */
function prefixedCall(server: Server): Variant {
  const { template } = echoCall(server, TEXT_BYTES);
  const all = toolCall(
    { ...server, path: '/mcp' },
    'echo__echo',
    template.bytes.toString().match(/"text":"([^"]*)"/)![1]!,
  );
  return { server, template: all, name: `${server.name}, on /mcp` };
}

export async function w1Echo(stand: Stand): Promise<Section> {
  const servers = [await stand.hop(), await stand.gateway('async'), await stand.gateway('strict')];
  const variants = servers.map((server) => echoCall(server, TEXT_BYTES));
  const rows: string[][] = [];
  const verdicts = [];
  const peaks = variants.map(() => 0);
  for (const connections of CONNECTIONS) {
    const more = connections === 32 ? [prefixedCall(servers[1]!)] : [];
    const compared = await compare(stand, [...variants, ...more], { connections });
    rows.push(...comparisonRows(compared, `c = ${connections}`));
    for (const i of peaks.keys()) peaks[i] = Math.max(peaks[i]!, compared[i]!.callsPerSecond);
    verdicts.push(
      atMost(`CPU per call, async, c = ${connections}`, compared[1]!.cpuRatio, 1.35),
      atMost(`CPU per call, strict, c = ${connections}`, compared[2]!.cpuRatio, 1.6),
    );
  }
  const callsPerSecond = Math.floor(Math.min(...peaks) / 2);
  rows.push(...comparisonRows(await openLoop(stand, variants, callsPerSecond), `${callsPerSecond} calls/s`));
  return {
    id: 'W1',
    title: 'echo of 200 bytes',
    about:
      'One `tools/call` after the other on c keep-alive connections (closed loop), then calls arriving at half of the ' +
      'slowest variant’s peak whether earlier ones are answered or not (open loop; latency counts from the moment at ' +
      'which a call was to be sent). The baseline is the bare hop.',
    tables: [{ columns: ['load', 'server', ...CALL_COLUMNS], rows }],
    verdicts,
  };
}

async function openLoop(stand: Stand, variants: readonly Variant[], callsPerSecond: number): Promise<Comparison[]> {
  const durationMs = stand.quick ? 600 : 2_500;
  const samples = variants.map((): Measured[] => []);
  for (let round = 0; round < (stand.quick ? 1 : 3); round++) {
    for (const [i, { server, template }] of variants.entries()) {
      const run = (): Promise<LoadResult> => stand.load.ask('open', { template, callsPerSecond, durationMs });
      samples[i]!.push(await measure(server, run));
    }
  }
  return variants.map(({ server }, i) => ({
    name: server.name,
    ...medianOf(samples[i]!),
    cpuRatio: median(samples[i]!.map(({ cpuUs }, round) => cpuUs / samples[0]![round]!.cpuUs)),
  }));
}
