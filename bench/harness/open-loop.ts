import { Worker } from 'node:worker_threads';
import type { Schedule } from './arrival-clock.ts';
import type { ClientSocket } from './client-socket.ts';
import { monotonicUs } from './commands.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { createTally, type LoadResult } from './load-result.ts';
import { nextRequest, type RequestTemplate } from './request-bytes.ts';

export interface OpenLoad {
  readonly template: RequestTemplate;
  readonly callsPerSecond: number;
  readonly durationMs: number;
  /** More calls than this at a time wait for a connection, and the wait counts. 512 unless told. */
  readonly connections?: number;
}

const MAX_CONNECTIONS = 512;
/** Long enough for a busy server to accept the connections first, of which libuv takes one in a turn of the event loop. */
const LEAD_MS = 250;
/** After the last arrival, how long answers are waited for. */
const PATIENCE_MS = 5_000;

/**
 * Calls arrive at a fixed rate, whether earlier ones are answered or not, as they do from many independent clients. The
 * latency of a call counts from the moment at which it was to be sent, so that a server that stalls cannot hide the calls
 * that it kept from being sent (coordinated omission).
 */
export async function runOpenLoop(pool: ConnectionPool, load: OpenLoad): Promise<LoadResult> {
  const { template, callsPerSecond, durationMs, connections = MAX_CONNECTIONS } = load;
  const free: ClientSocket[] = await pool.take(template.port, connections);
  const buffers = new Map(free.map((socket) => [socket, Buffer.from(template.bytes)]));
  const count = Math.floor((callsPerSecond * durationMs) / 1000);
  const intervalMs = 1000 / callsPerSecond;
  const firstAt = performance.now() + LEAD_MS;
  const tally = createTally(200, firstAt);
  const queue: number[] = [];
  let arrived = 0;
  let answered = 0;

  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, LEAD_MS + durationMs + PATIENCE_MS);
    const send = (from: number): void => {
      const socket = free.pop();
      if (socket === undefined) {
        queue.push(from);
        return;
      }
      const bytes = buffers.get(socket)!;
      socket.exchange(bytes, nextRequest(template, bytes), (status, matched) => {
        tally.add(status, matched, from);
        if (!socket.broken) free.push(socket);
        if (++answered === count) done();
        else if (queue.length > 0) send(queue.shift()!);
      });
    };
    const schedule: Schedule = { firstAtUs: monotonicUs() + LEAD_MS * 1000, intervalUs: intervalMs * 1000, count };
    const clock = new Worker(new URL('./arrival-clock.ts', import.meta.url), { workerData: schedule });
    clock.on('message', (due: number) => {
      for (let i = 0; i < due; i++) send(firstAt + arrived++ * intervalMs);
    });
  });
  pool.give(template.port, free);
  return tally.result();
}
