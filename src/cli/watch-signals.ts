import type { Terminal } from './terminal.ts';

/** Ctrl-C reaches a program that npm started twice: from the terminal and from npm. That is one wish to stop. */
const SAME_SIGNAL_MS = 500;

export interface Signals {
  /** Resolves when somebody wants the gateway to stop (SIGTERM, SIGINT). A second wish ends the process at once. */
  readonly stop: Promise<void>;
  /** Calls the listener whenever the configuration is to be read again (SIGHUP), also for a wish from before. */
  onReload(listener: () => void): void;
}

/** To be called before the gateway starts: a signal that comes meanwhile must neither be lost nor end it half-way. */
export function watchSignals(terminal: Terminal): Signals {
  const stop = Promise.withResolvers<void>();
  let stoppedAt: number | undefined;
  const onStop = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (stoppedAt === undefined) {
      stoppedAt = now;
      stop.resolve();
    } else if (now - stoppedAt >= SAME_SIGNAL_MS) {
      terminal.note(`Stopped at once by a second ${signal}; calls under way were cut off.`);
      process.exit(1);
    }
  };
  process.on('SIGTERM', onStop);
  process.on('SIGINT', onStop);
  let missed = false;
  let reload = (): void => {
    missed = true;
  };
  process.on('SIGHUP', () => reload());
  return {
    stop: stop.promise,
    onReload(listener) {
      reload = listener;
      if (missed) listener();
      missed = false;
    },
  };
}
