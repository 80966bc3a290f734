import { Counter, type Histogram, type Registry } from 'prom-client';

/** One finished call. `upstream` is empty when there was none to be found. */
export interface CountedCall {
  readonly upstream: string;
  readonly method: string;
  readonly outcome: string;
  readonly durationMs: number;
}

/** Upper ends of the buckets, in seconds; beyond the last one lies the bucket `+Inf`. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const DURATION = 'toolgate_call_duration_seconds';

/** Of one upstream. */
interface Tally {
  /** Calls by method, then by outcome. */
  readonly ended: Map<string, Map<string, number>>;
  /** Calls that fell into each bucket, the last one being `+Inf`. */
  readonly buckets: number[];
  seconds: number;
}

/**
 * Counts calls and their durations. prom-client's own counting sorts and joins the labels of every single call, so here
 * it is plain numbers, which become metrics when somebody asks for them.
 */
export function createCallMetrics(registry: Registry): (call: CountedCall) => void {
  const tallies = new Map<string, Tally>();
  new Counter({
    name: 'toolgate_calls_total',
    help: 'Governed MCP calls by how they ended; `denied` ones never reached an upstream.',
    labelNames: ['upstream', 'method', 'outcome'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [upstream, { ended }] of tallies) {
        for (const [method, outcomes] of ended) {
          for (const [outcome, count] of outcomes) this.inc({ upstream, method, outcome }, count);
        }
      }
    },
  });
  // A Histogram can only be filled by observing; the registry asks no more of a metric than its name and `get`.
  const duration = {
    name: DURATION,
    get: async () => ({
      name: DURATION,
      help: 'From receiving a call to the end of its answer.',
      type: 'histogram',
      values: [...tallies].flatMap(([upstream, tally]) => samplesOf(upstream, tally)),
    }),
  };
  registry.registerMetric(duration as unknown as Histogram);

  const tallyOf = (upstream: string): Tally => {
    let tally = tallies.get(upstream);
    if (tally === undefined) {
      tally = { ended: new Map(), buckets: new Array(BOUNDS.length + 1).fill(0), seconds: 0 };
      tallies.set(upstream, tally);
    }
    return tally;
  };

  return ({ upstream, method, outcome, durationMs }) => {
    const tally = tallyOf(upstream);
    let outcomes = tally.ended.get(method);
    if (outcomes === undefined) {
      outcomes = new Map();
      tally.ended.set(method, outcomes);
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (outcome === 'denied') return;
    const seconds = durationMs / 1000;
    let bucket = 0;
    while (bucket < BOUNDS.length && seconds > BOUNDS[bucket]!) bucket++;
    tally.buckets[bucket]!++;
    tally.seconds += seconds;
  };
}

/** As Prometheus counts: every bucket holds the ones below it. None for an upstream that only refused calls. */
function samplesOf(upstream: string, { buckets, seconds }: Tally) {
  let count = 0;
  const samples = buckets.map((inBucket, i) => {
    count += inBucket;
    return { metricName: `${DURATION}_bucket`, labels: { le: BOUNDS[i] ?? '+Inf', upstream }, value: count };
  });
  if (count === 0) return [];
  const labels = { upstream };
  return [
    ...samples,
    { metricName: `${DURATION}_sum`, labels, value: seconds },
    { metricName: `${DURATION}_count`, labels, value: count },
  ];
}
