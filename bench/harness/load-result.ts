/** Milliseconds. */
export interface Latency {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoadResult {
  /** Answered with the status that was expected and the id of the request. */
  readonly calls: number;
  /** Everything else, by status; 0 when the connection broke. */
  readonly unexpected: Readonly<Record<number, number>>;
  readonly seconds: number;
  /** Of the calls that were answered as expected. */
  readonly latency: Latency;
  /** From the start to the first answer as expected. */
  readonly firstMs: number;
}

/** Collects the answers of one run that begins now, or at a `performance.now()` to come. */
export function createTally(expectStatus: number, startedAt: number = performance.now()) {
  const unexpected: Record<number, number> = {};
  let latencies = new Float64Array(16_384);
  let calls = 0;
  let firstMs = Number.NaN;
  return {
    startedAt,
    /** @param from `performance.now()` when the call was to be sent. */
    add(status: number, matched: boolean, from: number): void {
      if (status !== expectStatus || !matched) {
        unexpected[status] = (unexpected[status] ?? 0) + 1;
        return;
      }
      const now = performance.now();
      if (calls === 0) firstMs = now - startedAt;
      if (calls === latencies.length) {
        const longer = new Float64Array(calls * 2);
        longer.set(latencies);
        latencies = longer;
      }
      latencies[calls++] = now - from;
    },
    result(): LoadResult {
      const sorted = latencies.subarray(0, calls).sort();
      const at = (share: number) => sorted[Math.min(calls - 1, Math.floor(calls * share))] ?? Number.NaN;
      return {
        calls,
        unexpected,
        seconds: (performance.now() - startedAt) / 1000,
        latency: { mean: sorted.reduce((sum, ms) => sum + ms, 0) / calls, p50: at(0.5), p99: at(0.99), max: at(1) },
        firstMs,
      };
    },
  };
}
