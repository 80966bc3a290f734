/** Cuts a stream of bytes into lines. Linear in the bytes, however they come. */
export interface LineReader {
  push(chunk: Buffer): void;
}

export interface LineReaderOptions {
  /** Bytes of a line without its line break; a longer one is thrown away as it comes, and not held in memory. */
  readonly maxBytes: number;
  /** Without its line break (LF or CRLF); empty lines are passed over. */
  readonly onLine: (line: Buffer) => void;
  /** @param edges the first and last bytes of the line that was thrown away, to tell what it was */
  readonly onOversize: (edges: string) => void;
}

const LF = 0x0a;
const CR = 0x0d;
const EDGE = 256;

export function createLineReader(options: LineReaderOptions): LineReader {
  let parts: Buffer[] = [];
  let bytes = 0;
  /** While a line is being thrown away: its first bytes, and its last ones so far. */
  let head: string | undefined;
  let tail = '';

  const add = (part: Buffer): void => {
    if (head === undefined) {
      parts.push(part);
      bytes += part.length;
      if (bytes <= options.maxBytes) return;
      const all = Buffer.concat(parts);
      parts = [];
      head = all.toString('latin1', 0, EDGE);
      tail = all.toString('latin1', Math.max(0, all.length - EDGE));
    } else {
      tail = (tail + part.toString('latin1', Math.max(0, part.length - EDGE))).slice(-EDGE);
    }
  };

  const finish = (): void => {
    if (head !== undefined) {
      const edges = head + tail;
      head = undefined;
      bytes = 0;
      options.onOversize(edges);
      return;
    }
    let line = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    parts = [];
    bytes = 0;
    if (line.at(-1) === CR) line = line.subarray(0, -1);
    if (line.length > 0) options.onLine(line);
  };

  return {
    push(chunk) {
      let from = 0;
      for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
        if (end > from) add(chunk.subarray(from, end));
        finish();
        from = end + 1;
      }
      if (from < chunk.length) add(chunk.subarray(from));
    },
  };
}
