import { Gauge, type Registry } from 'prom-client';

export interface ConnectionNumbers {
  /** Connections by state. */
  readonly states: Readonly<Record<string, number>>;
  /** Refreshes since the start: those that worked, and those that did not by the kind of failure. */
  readonly refreshed: number;
  readonly failed: Readonly<Record<string, number>>;
  /** Tokens that came and could not be stored yet. */
  readonly unsaved: number;
  readonly revocationsWaiting: number;
}

/** Of tokens that nobody connects (client credentials, token exchange). */
export interface MachineTokenNumbers {
  /** Owners by state, by upstream. */
  readonly states: ReadonlyMap<string, Readonly<Record<string, number>>>;
  /** Since the start: tokens that were got, and requests that failed by the code of the error. */
  readonly obtained: number;
  readonly failed: Readonly<Record<string, number>>;
}

/** How the tokens are doing that nobody connects. */
export function addMachineTokenMetrics(registry: Registry, numbers: () => MachineTokenNumbers): void {
  const registers = [registry];
  new Gauge({
    name: 'toolgate_machine_tokens',
    help: 'Owners of tokens that nobody connects, by upstream and state, as far as they were used.',
    labelNames: ['upstream', 'state'],
    registers,
    collect() {
      this.reset();
      for (const [upstream, states] of numbers().states) {
        for (const [state, count] of Object.entries(states)) this.set({ upstream, state }, count);
      }
    },
  });
  new Gauge({
    name: 'toolgate_machine_token_requests',
    help: 'Requests for tokens that nobody connects since the start, by outcome.',
    labelNames: ['outcome'],
    registers,
    collect() {
      const { obtained, failed } = numbers();
      this.reset();
      this.set({ outcome: 'ok' }, obtained);
      for (const [outcome, count] of Object.entries(failed)) this.set({ outcome }, count);
    },
  });
}

/** How the accounts at upstreams are doing. */
export function addConnectionMetrics(registry: Registry, numbers: () => ConnectionNumbers): void {
  const registers = [registry];
  new Gauge({
    name: 'toolgate_connections',
    help: 'Connected accounts by state, as of the last minute.',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const [state, count] of Object.entries(numbers().states)) this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'toolgate_connection_refreshes',
    help: 'Refreshes of tokens since the start, by outcome.',
    labelNames: ['outcome'],
    registers,
    collect() {
      const { refreshed, failed } = numbers();
      this.reset();
      this.set({ outcome: 'ok' }, refreshed);
      for (const [outcome, count] of Object.entries(failed)) this.set({ outcome }, count);
    },
  });
  new Gauge({
    name: 'toolgate_connection_tokens_unsaved',
    help: 'Tokens that a provider gave out and that could not be stored yet.',
    registers,
    collect() {
      this.set(numbers().unsaved);
    },
  });
  new Gauge({
    name: 'toolgate_connection_revocations_waiting',
    help: 'Tokens that still have to be revoked at their provider.',
    registers,
    collect() {
      this.set(numbers().revocationsWaiting);
    },
  });
}
