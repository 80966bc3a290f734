import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { createCallMetrics } from './call-metrics.ts';
import {
  addConnectionMetrics,
  addMachineTokenMetrics,
  type ConnectionNumbers,
  type MachineTokenNumbers,
} from './connection-metrics.ts';

export interface LiveNumbers {
  readonly callsUnderWay: () => number;
  readonly sessions: () => number;
  readonly upstreams: () => readonly { readonly name: string; readonly state: string }[];
  readonly connections: () => ConnectionNumbers;
  readonly machineTokens: () => MachineTokenNumbers;
  readonly audit: () => { readonly queued: number; readonly failing: boolean };
}

export type Metrics = ReturnType<typeof createMetrics>;

/** Prometheus metrics. Labels are names from the configuration, never something a caller sent. */
export function createMetrics(live: LiveNumbers) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'toolgate_' });
  const observeCall = createCallMetrics(registry);
  const refused = new Counter({
    name: 'toolgate_credentials_refused_total',
    help: 'Requests whose credential was refused.',
    registers,
  });
  const clockSteps = new Counter({
    name: 'toolgate_clock_steps_total',
    help: 'Times that the wall clock was moved by more than half a minute.',
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
  addConnectionMetrics(registry, live.connections);
  addMachineTokenMetrics(registry, live.machineTokens);
  return {
    contentType: registry.contentType,
    render: () => registry.metrics(),
    observeCall,
    observeRefusal: () => refused.inc(),
    observeClockStep: () => clockSteps.inc(),
  };
}
