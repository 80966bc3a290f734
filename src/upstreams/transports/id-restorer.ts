/** Bytes kept back from every chunk, so that neither the number nor its member name is cut in two. */
const KEPT = 64;
const MEMBER = /"(id|progressToken)"\s*:\s*$/;
/** What may follow a number in JSON: comma, closing brace, white space. */
const AFTER = new Set([0x2c, 0x7d, 0x20, 0x09, 0x0a, 0x0d]);

/** Streams a JSON answer and puts the caller's own values back where a number of ours stands as `id` or `progressToken`. */
export interface IdRestorer {
  /** The bytes that are ready; may be empty. */
  push(chunk: Buffer): Buffer;
  /** The bytes that were kept back. */
  flush(): Buffer;
}

/**
 * It searches for the number instead of parsing, so that an answer of any size streams through in constant memory and at
 * the speed of `indexOf`. That is sound because the number is unique on its connection and has 13 digits: where it stands
 * as the value of such a member, the server is repeating what it was sent, wherever in the answer that is.
 *
 * @param wireId the number that was sent in place of the caller's values
 * @param id the caller's id as JSON text
 * @param progressToken likewise; absent when the request had none
 */
export function createIdRestorer(wireId: number, id: string, progressToken: string | undefined): IdRestorer {
  const needle = Buffer.from(String(wireId));
  let kept: Buffer = Buffer.alloc(0);
  /** The last bytes before `kept`. */
  let before: Buffer = Buffer.alloc(0);

  const valueAt = (bytes: Buffer, at: number): string | undefined => {
    const after = bytes[at + needle.length];
    if (after !== undefined && !AFTER.has(after)) return undefined;
    const near = bytes.toString('latin1', Math.max(0, at - KEPT), at);
    const member = MEMBER.exec(at < KEPT ? before.toString('latin1') + near : near)?.[1];
    return member === 'id' ? id : member === 'progressToken' ? progressToken : undefined;
  };

  /** Restores all numbers that start before `limit`, and returns the bytes up to there (or up to the end of the last one). */
  const take = (bytes: Buffer, limit: number): Buffer => {
    const parts: Buffer[] = [];
    let from = 0;
    for (let at = bytes.indexOf(needle); at >= 0 && at < limit; at = bytes.indexOf(needle, at + needle.length)) {
      const value = valueAt(bytes, at);
      if (value === undefined) continue;
      parts.push(bytes.subarray(from, at), Buffer.from(value));
      from = at + needle.length;
    }
    const end = Math.max(from, limit);
    before =
      end < KEPT ? Buffer.concat([before, bytes.subarray(0, end)]).subarray(-KEPT) : bytes.subarray(end - KEPT, end);
    kept = bytes.subarray(end);
    if (parts.length === 0) return bytes.subarray(0, end);
    parts.push(bytes.subarray(from, end));
    return Buffer.concat(parts);
  };

  return {
    push(chunk) {
      const bytes = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
      return take(bytes, Math.max(0, bytes.length - KEPT));
    },
    flush: () => take(kept, kept.length),
  };
}
