import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface LiveNumbers {
  readonly callsUnderWay: () => number;
  readonly sessions: () => number;
  readonly upstreams: () => readonly { readonly name: string; readonly state: string }[];
  readonly audit: () => { readonly queued: number; readonly failing: boolean };
}

export type Metrics = ReturnType<typeof createMetrics>;

/** Prometheus metrics. Labels are names from the configuration, never something a caller sent. */
export function createMetrics(live: LiveNumbers) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'toolgate_' });
  const calls = new Counter({
    name: 'toolgate_calls_total',
    help: 'Governed MCP calls by how they ended; `denied` ones never reached an upstream.',
    labelNames: ['upstream', 'method', 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'toolgate_call_duration_seconds',
    help: 'From receiving a call to the end of its answer.',
    labelNames: ['upstream'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const refused = new Counter({
    name: 'toolgate_credentials_refused_total',
    help: 'Requests whose credential was refused.',
    registers,
  });
  new Gauge({
    name: 'toolgate_calls_under_way',
    help: 'Calls and streams open right now.',
    registers,
    collect() {
      this.set(live.callsUnderWay());
    },
  });
  new Gauge({
    name: 'toolgate_sessions',
    help: 'Sessions of legacy MCP clients.',
    registers,
    collect() {
      this.set(live.sessions());
    },
  });
  new Gauge({
    name: 'toolgate_upstream_ready',
    help: '1 when the upstream can be called.',
    labelNames: ['upstream'],
    registers,
    collect() {
      this.reset();
      for (const { name, state } of live.upstreams()) this.set({ upstream: name }, state === 'ready' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'toolgate_audit_queued_records',
    help: 'Audit records that are not durable yet.',
    registers,
    collect() {
      this.set(live.audit().queued);
    },
  });
  new Gauge({
    name: 'toolgate_audit_failing',
    help: '1 while the audit log cannot be written and calls are refused.',
    registers,
    collect() {
      this.set(live.audit().failing ? 1 : 0);
    },
  });
  return {
    contentType: registry.contentType,
    render: () => registry.metrics(),
    observeCall(call: { upstream: string; method: string; outcome: string; durationMs: number }): void {
      calls.inc({ upstream: call.upstream, method: call.method, outcome: call.outcome });
      if (call.outcome !== 'denied') duration.observe({ upstream: call.upstream }, call.durationMs / 1000);
    },
    observeRefusal: () => refused.inc(),
  };
}
