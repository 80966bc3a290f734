/** Bounds the calls under way to one upstream, so that one slow upstream cannot take all memory and sockets. */
export interface Bulkhead {
  readonly inFlight: number;
  /** @returns false when it is full. There is no queue: waiting would only hide the overload. */
  tryEnter(): boolean;
  leave(): void;
  /** Takes effect for the next call; those under way go on. */
  resize(capacity: number): void;
}

/** @param capacity calls at once, at least 1. */
export function createBulkhead(capacity: number): Bulkhead {
  let inFlight = 0;
  return {
    get inFlight() {
      return inFlight;
    },
    tryEnter() {
      if (inFlight >= capacity) return false;
      inFlight++;
      return true;
    },
    leave() {
      inFlight--;
    },
    resize(next) {
      capacity = next;
    },
  };
}
