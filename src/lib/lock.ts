/** Held by one at a time. */
export interface Lock {
  /** Lets the next one have it. Doing so twice is harmless. */
  release(): void;
}

/** Hands itself out to one after the other, in the order in which they asked. */
export function createLock(): { acquire(): Lock | Promise<Lock> } {
  // A Set hands out its oldest member in constant time, which an array does not.
  const waiting = new Set<(lock: Lock) => void>();
  let isHeld = false;

  function hand(): Lock {
    isHeld = true;
    let released = false;
    return {
      release() {
        if (released) return;
        released = true;
        const [next] = waiting;
        if (next === undefined) {
          isHeld = false;
          return;
        }
        waiting.delete(next);
        next(hand());
      },
    };
  }

  return {
    acquire: () => (isHeld ? new Promise((resolve) => waiting.add(resolve)) : hand()),
  };
}
