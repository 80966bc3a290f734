import type { ConnectionPool } from './connection-pool.ts';
import { createTally, type LoadResult } from './load-result.ts';
import { nextRequest, type RequestTemplate } from './request-bytes.ts';

export interface ClosedLoad {
  readonly template: RequestTemplate;
  readonly connections: number;
  /** How long to send, in milliseconds; what is under way then is waited for. */
  readonly durationMs?: number;
  /** Or how many calls to make. */
  readonly calls?: number;
  /** Connections begin one after the other over this time, as callers do who know nothing of each other. */
  readonly spreadMs?: number;
  readonly expectStatus?: number;
}

/** Every connection sends its next request as soon as it has the answer to the one before. */
export async function runClosedLoop(pool: ConnectionPool, load: ClosedLoad): Promise<LoadResult> {
  const { template, connections, spreadMs = 0 } = load;
  const sockets = await pool.take(template.port, connections);
  const tally = createTally(load.expectStatus ?? 200);
  const until = load.durationMs === undefined ? Number.POSITIVE_INFINITY : tally.startedAt + load.durationMs;
  let left = load.calls ?? Number.POSITIVE_INFINITY;

  await Promise.all(
    sockets.map(async (socket, index) => {
      if (spreadMs > 0) await new Promise((resolve) => setTimeout(resolve, (spreadMs * index) / connections));
      const bytes = Buffer.from(template.bytes);
      await new Promise<void>((resolve) => {
        const send = (): void => {
          const from = performance.now();
          if (left <= 0 || from >= until || socket.broken) {
            resolve();
            return;
          }
          left--;
          const id = nextRequest(template, bytes);
          socket.exchange(bytes, id, (status, matched) => {
            tally.add(status, matched, from);
            send();
          });
        };
        send();
      });
    }),
  );
  pool.give(template.port, sockets);
  return tally.result();
}
