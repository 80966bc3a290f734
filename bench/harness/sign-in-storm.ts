import { runClosedLoop } from './closed-loop.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { PASSWORD, personName } from './fixture-accounts.ts';
import { runRefreshLoop } from './refresh-loop.ts';
import { ScriptedBrowser } from './scripted-browser.ts';
import { type Grant, machineTokenRequest } from './sign-in-client.ts';

export interface Storm {
  readonly port: number;
  /** People who type their password over and over, each from an address of their own. */
  readonly people: number;
  /** Connections on which a machine asks for tokens over and over. */
  readonly machines: number;
  /** Clients that refresh over and over. */
  readonly grants: readonly Grant[];
  readonly durationMs: number;
}

/** What the storm got done. */
export interface StormResult {
  readonly logins: number;
  readonly tokens: number;
  /** Answered in another way than with success; the sign-in page turns people away when there are too many. */
  readonly refused: number;
  readonly seconds: number;
  readonly grants: readonly Grant[];
}

export async function runStorm(pool: ConnectionPool, storm: Storm): Promise<StormResult> {
  const { port, machines: connections, durationMs } = storm;
  const origin = `http://127.0.0.1:${port}`;
  const from = performance.now();
  const [people, machines, clients] = await Promise.all([
    Promise.all(Array.from({ length: storm.people }, (_, index) => logInRepeatedly(origin, index, from + durationMs))),
    connections > 0 ? runClosedLoop(pool, { template: machineTokenRequest(port), connections, durationMs }) : null,
    storm.grants.length > 0 ? runRefreshLoop(origin, storm.grants, durationMs) : null,
  ]);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const unexpected = [machines, clients?.result].flatMap((result) => Object.values(result?.unexpected ?? {}));
  return {
    logins: sum(people.map(({ done }) => done)),
    tokens: (machines?.calls ?? 0) + (clients?.result.calls ?? 0),
    refused: sum(people.map(({ refused }) => refused)) + sum(unexpected),
    seconds: (performance.now() - from) / 1000,
    grants: clients?.grants ?? [],
  };
}

async function logInRepeatedly(origin: string, index: number, until: number) {
  const count = { done: 0, refused: 0 };
  const address = `198.51.100.${index + 1}`;
  while (performance.now() < until) {
    const browser = new ScriptedBrowser(origin, address);
    const page = await browser.open('/sign-in');
    const { text } = await browser.submit(page, { login: personName(index), password: PASSWORD });
    if (text.includes('name="password"')) count.refused++;
    else count.done++;
  }
  return count;
}
