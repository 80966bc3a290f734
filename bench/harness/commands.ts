import { inspect } from 'node:util';

/** What a process of the bench can be asked over IPC: named functions with one argument that can be cloned. */
export type Commands = Record<string, (argument: never) => unknown>;

/** What a process has used so far. Times in microseconds. */
export interface Usage {
  /** CPU time, user and system, of all threads. */
  readonly cpuUs: number;
  /** Of that, the main thread's. */
  readonly mainThreadUs: number;
  readonly rssBytes: number;
  /** Monotonic clock of the machine, the same in every process. */
  readonly atUs: number;
}

export const monotonicUs = (): number => Number(process.hrtime.bigint() / 1000n);

function usageNow(): Usage {
  const all = process.cpuUsage();
  const main = process.threadCpuUsage();
  return {
    cpuUs: all.user + all.system,
    mainThreadUs: main.user + main.system,
    rssBytes: process.memoryUsage.rss(),
    atUs: monotonicUs(),
  };
}

/** What every process can be asked. */
const OWN = {
  usage: usageNow,
  /** After a garbage collection, where the process was started with `--expose-gc`. */
  rested(): Usage {
    globalThis.gc?.();
    return usageNow();
  },
};

export type OwnCommands = typeof OWN;

interface Asked {
  readonly id: number;
  readonly command: string;
  readonly argument: never;
}

/**
 * Answers the commands of the process that started this one, and ends with it. Commands run one at a time, in the order
 * in which they were asked.
 *
 * @param close runs before the end, so that threads can end in order and write their CPU profiles.
 */
export function serveCommands(commands: Commands, close: () => Promise<void> = async () => {}): void {
  const all: Commands = { ...OWN, ...commands };
  let last: Promise<unknown> = Promise.resolve();
  process.on('message', ({ id, command, argument }: Asked) => {
    last = last.then(async () => {
      try {
        process.send!({ id, value: await all[command]!(argument) });
      } catch (error) {
        process.send!({ id, error: inspect(error) });
      }
    });
  });
  process.on('disconnect', () => {
    close().finally(() => process.exit());
  });
  process.send!({ id: 0 });
}
