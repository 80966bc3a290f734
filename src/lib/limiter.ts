/**
 * Runs at most `concurrency` pieces of work at a time; the others wait in the order of the calls. With 1 it is a mutex. A
 * piece that fails does not hold up the next one. Waiting costs the same however many wait.
 */
export function createLimiter(concurrency: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  // A Set hands out its oldest member in constant time, which an array does not.
  const waiting = new Set<() => void>();

  function release(): void {
    const [next] = waiting;
    if (next === undefined) {
      running--;
      return;
    }
    // The place is handed over without becoming free, so that no newcomer can take it.
    waiting.delete(next);
    next();
  }

  return async (work) => {
    if (running < concurrency) running++;
    else await new Promise<void>((resolve) => waiting.add(resolve));
    try {
      return await work();
    } finally {
      release();
    }
  };
}
