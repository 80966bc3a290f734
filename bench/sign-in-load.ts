/** Clients and people who sign in, in a process of their own, beside the load generator for calls. */
import { serveCommands } from './harness/commands.ts';
import { createConnectionPool } from './harness/connection-pool.ts';
import { raceRefreshes, runRefreshLoop } from './harness/refresh-loop.ts';
import type { Grant } from './harness/sign-in-client.ts';
import { runStorm, type Storm } from './harness/sign-in-storm.ts';

const pool = createConnectionPool();

const commands = {
  refreshes: ({ origin, grants, durationMs }: { origin: string; grants: readonly Grant[]; durationMs: number }) =>
    runRefreshLoop(origin, grants, durationMs),
  race: ({ origin, grant, count }: { origin: string; grant: Grant; count: number }) =>
    raceRefreshes(origin, grant, count),
  storm: (storm: Storm) => runStorm(pool, storm),
};

export type SignInLoadCommands = typeof commands;

serveCommands(commands);
