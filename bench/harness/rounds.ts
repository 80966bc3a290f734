import type { ClosedLoad } from './closed-loop.ts';
import type { Latency, LoadResult } from './load-result.ts';
import type { RequestTemplate } from './request-bytes.ts';
import type { Server, Stand } from './stand.ts';

export interface Variant {
  readonly server: Server;
  readonly template: RequestTemplate;
  /** Shown instead of the server's name. */
  readonly name?: string;
}

/** One measured run, or the medians of several. */
export interface Measured {
  readonly callsPerSecond: number;
  /** CPU time of the server, all threads, for one call. */
  readonly cpuUs: number;
  /** Of that, the main thread's. */
  readonly mainThreadUs: number;
  readonly latency: Latency;
}

export interface Comparison extends Measured {
  readonly name: string;
  /** CPU per call over the baseline's: the median of the ratios of each round. */
  readonly cpuRatio: number;
}

export interface RoundOptions {
  readonly connections: number;
  readonly rounds?: number;
  readonly durationMs?: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Throws when any call was answered in another way than it should have been: then no number means anything. */
export function requireAllAnswered(name: string, { calls, unexpected }: LoadResult): void {
  if (calls > 0 && Object.keys(unexpected).length === 0) return;
  throw new Error(
    `${name}: ${calls} calls answered, others by status (0: connection broke): ${JSON.stringify(unexpected)}`,
  );
}

/** Runs a load on one server and reads what the server used for it. */
export async function measure(server: Server, run: () => Promise<LoadResult>): Promise<Measured> {
  const before = await server.usage();
  const result = await run();
  const after = await server.usage();
  requireAllAnswered(server.name, result);
  return {
    callsPerSecond: result.calls / result.seconds,
    cpuUs: (after.cpuUs - before.cpuUs) / result.calls,
    mainThreadUs: (after.mainThreadUs - before.mainThreadUs) / result.calls,
    latency: result.latency,
  };
}

/** So long does V8 take until it has compiled the whole path for good: before, a call costs up to twice as much. */
const WARM_UP_MS = 12_000;
const warm = new WeakSet<Server>();

/**
 * Runs all variants in turn, several rounds, beginning each round with another one, so that whatever else the machine
 * does hits all alike. The first variant is the baseline.
 */
export async function compare(
  stand: Stand,
  variants: readonly Variant[],
  options: RoundOptions,
): Promise<Comparison[]> {
  const { connections, rounds = stand.quick ? 2 : 5, durationMs = stand.quick ? 300 : 1_200 } = options;
  const samples = variants.map((): Measured[] => []);
  const load = ({ template }: Variant, ms: number): Promise<LoadResult> => {
    const closed: ClosedLoad = { template, connections, durationMs: ms };
    return stand.load.ask('closed', closed);
  };
  for (const variant of variants) {
    await load(variant, stand.quick || warm.has(variant.server) ? durationMs : WARM_UP_MS);
    warm.add(variant.server);
  }
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < variants.length; turn++) {
      const index = (round + turn) % variants.length;
      const variant = variants[index]!;
      samples[index]!.push(await measure(variant.server, () => load(variant, durationMs)));
    }
  }
  return variants.map(({ server, name = server.name }, index) => ({
    name,
    ...medianOf(samples[index]!),
    cpuRatio: median(samples[index]!.map(({ cpuUs }, round) => cpuUs / samples[0]![round]!.cpuUs)),
  }));
}

export function medianOf(samples: readonly Measured[]): Measured {
  const of = (pick: (sample: Measured) => number) => median(samples.map(pick));
  return {
    callsPerSecond: of((sample) => sample.callsPerSecond),
    cpuUs: of((sample) => sample.cpuUs),
    mainThreadUs: of((sample) => sample.mainThreadUs),
    latency: {
      mean: of(({ latency }) => latency.mean),
      p50: of(({ latency }) => latency.p50),
      p99: of(({ latency }) => latency.p99),
      max: of(({ latency }) => latency.max),
    },
  };
}
