/**
 * The intents whose outcome has not come yet, by request id. A request usually has one; when it has several, an outcome
 * belongs to the latest.
 */
export function createOpenIntents() {
  const byRequest = new Map<string, number | number[]>();
  let size = 0;

  function add(requestId: string, seq: number): void {
    size++;
    const held = byRequest.get(requestId);
    if (held === undefined) byRequest.set(requestId, seq);
    else if (typeof held === 'number') byRequest.set(requestId, [held, seq]);
    else held.push(seq);
  }

  /** Ends an intent of the request: the one with this seq, or the latest. Returns its seq; undefined when there is none. */
  function take(requestId: string, wanted?: number): number | undefined {
    const held = byRequest.get(requestId);
    if (held === undefined) return undefined;
    if (typeof held === 'number') {
      if (wanted !== undefined && wanted !== held) return undefined;
      byRequest.delete(requestId);
      size--;
      return held;
    }
    const at = wanted === undefined ? held.length - 1 : held.indexOf(wanted);
    if (at < 0) return undefined;
    const [seq] = held.splice(at, 1);
    if (held.length === 0) byRequest.delete(requestId);
    size--;
    return seq;
  }

  return { add, take, size: () => size };
}
