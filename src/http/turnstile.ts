import { performance } from 'node:perf_hooks';
import { AppError } from '../errors/app-error.ts';

/** More than this wait only when far more come than can be served: those would be answered when nobody waits any more. */
const MAX_WAITING = 512;
/** A tool call needs several turns: its request, the record of its intent, the answer of the upstream. */
const TURNS = 4;
/** While tool calls are under way, the next begins when the event loop had nothing to do for this share of the time. */
const IDLE_SHARE = 0.5;
/** But it begins, so that calls without end cannot keep everybody from signing in. */
const MAX_HOLD_MS = 100;

/**
 * Lets work begin that is heavy for the event loop (a token is signed and written down) once in a few turns of it, so that
 * what else is there to do goes on in between: however many wait here, a tool call meets a few of them and not all. While
 * calls are under way (`isBusy`), it also leaves the event loop some rest before the next, so that calls do not queue up.
 * While nobody waits and there is nothing else to do, it costs no time.
 *
 * Only the beginning is held back, never for how long the work lasts: a client that sends its body slowly, or a fetch that
 * takes long, holds up nobody.
 *
 * The returned function resolves when the caller may begin, and rejects with `overloaded` when too many wait.
 */
export function createTurnstile({
  turns = TURNS,
  maxWaiting = MAX_WAITING,
  isBusy = () => false,
}: {
  turns?: number | undefined;
  maxWaiting?: number | undefined;
  isBusy?: (() => boolean) | undefined;
} = {}): () => Promise<void> {
  // A Set hands out its oldest member in constant time, which an array does not.
  const waiting = new Set<() => void>();
  let left = 0;
  let begunAt = 0;
  let begun = performance.eventLoopUtilization();

  const mustRest = (): boolean =>
    waiting.size > 0 &&
    isBusy() &&
    performance.now() - begunAt < MAX_HOLD_MS &&
    performance.eventLoopUtilization(begun).utilization > 1 - IDLE_SHARE;

  function turn(): void {
    if (left > 1) {
      left--;
      setImmediate(turn);
      return;
    }
    if (mustRest()) {
      setTimeout(turn, 1);
      return;
    }
    left = 0;
    const [next] = waiting;
    if (next === undefined) return;
    waiting.delete(next);
    close();
    next();
  }

  function close(): void {
    left = turns;
    begunAt = performance.now();
    begun = performance.eventLoopUtilization();
    setImmediate(turn);
  }

  return async () => {
    if (waiting.size >= maxWaiting) {
      throw new AppError('overloaded', 'Too many sign-ins are under way at this moment. Try again in a minute.');
    }
    if (left > 0) return new Promise((resolve) => waiting.add(resolve));
    close();
    return undefined;
  };
}
