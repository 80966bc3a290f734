import type { MachineTokenNumbers } from '../http/connection-metrics.ts';
import type { KeptTokens } from '../upstreams/oauth/grants/kept-tokens.ts';

/** What the metrics tell of tokens that nobody connects. */
export function machineTokenNumbers(machine: KeptTokens): MachineTokenNumbers {
  const { obtained, failed } = machine.stats();
  const states = new Map([...machine.health()].map(([upstream, health]) => [upstream, health.states]));
  return { states, obtained, failed };
}
