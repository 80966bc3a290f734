/** The load generator: a process of its own, so that its work is not counted as the server's. */
import type { ClientSocket } from './harness/client-socket.ts';
import { type ClosedLoad, runClosedLoop } from './harness/closed-loop.ts';
import { serveCommands } from './harness/commands.ts';
import { createConnectionPool } from './harness/connection-pool.ts';
import { type IdleStreams, openIdleStreams } from './harness/idle-streams.ts';
import { type OpenLoad, runOpenLoop } from './harness/open-loop.ts';

const pool = createConnectionPool();
let streams: ClientSocket[] = [];

const commands = {
  closed: (load: ClosedLoad) => runClosedLoop(pool, load),
  open: (load: OpenLoad) => runOpenLoop(pool, load),
  /** Opens idle streams and keeps them. */
  async hold(idle: IdleStreams): Promise<void> {
    streams = [...streams, ...(await openIdleStreams(idle))];
  },
  /** Closes all idle streams. */
  release(): void {
    for (const stream of streams) stream.destroy();
    streams = [];
  },
  /** Closes the idle connections to a server. */
  close: (port: number): void => pool.close(port),
};

export type LoadCommands = typeof commands;

serveCommands(commands);
