import { AppError } from '../errors/app-error.ts';

/** One server-sent event. `data` is absent for a block without data lines (a comment, a bare id or retry). */
export interface SseEvent {
  readonly id?: string;
  readonly event?: string;
  readonly retry?: string;
  readonly data?: Buffer;
  /** The event as it came, with its closing blank line, to pass it on unchanged. */
  readonly raw: Buffer;
}

export interface SseReader {
  /** The events that this chunk completes. Throws AppError `upstream_invalid` when one event exceeds the limit. */
  push(chunk: Buffer): SseEvent[];
  /** Bytes of an event that is not complete yet. */
  pendingBytes(): number;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const NEWLINE = Buffer.from('\n');

/** Incremental reader of `text/event-stream` (WHATWG HTML, 9.2.6). Linear in the bytes, however they are cut. */
export function createSseReader(options: { maxEventBytes: number }): SseReader {
  let line: Buffer[] = [];
  let raw: Buffer[] = [];
  let pendingBytes = 0;
  let afterCr = false;
  let first = true;
  let id: string | undefined;
  let event: string | undefined;
  let retry: string | undefined;
  let data: Buffer[] = [];

  const field = (bytes: Buffer): void => {
    const colon = bytes.indexOf(COLON);
    if (colon === 0) return;
    const name = bytes.toString('latin1', 0, colon < 0 ? bytes.length : colon);
    const from = colon < 0 ? bytes.length : bytes[colon + 1] === 0x20 ? colon + 2 : colon + 1;
    if (name === 'data') data.push(bytes.subarray(from));
    else if (name === 'event') event = bytes.toString('utf8', from);
    else if (name === 'retry') retry = bytes.toString('latin1', from);
    else if (name === 'id' && !bytes.includes(0, from)) id = bytes.toString('utf8', from);
  };

  const finish = (): SseEvent => {
    const joined =
      data.length > 1 ? Buffer.concat(data.flatMap((part, i) => (i > 0 ? [NEWLINE, part] : [part]))) : data[0];
    const done: SseEvent = {
      ...(id !== undefined && { id }),
      ...(event !== undefined && { event }),
      ...(retry !== undefined && { retry }),
      ...(joined !== undefined && { data: joined }),
      raw: raw.length === 1 ? raw[0]! : Buffer.concat(raw),
    };
    id = event = retry = undefined;
    data = [];
    raw = [];
    pendingBytes = 0;
    return done;
  };

  const push = (chunk: Buffer): SseEvent[] => {
    const events: SseEvent[] = [];
    let start = 0;
    let lineStart = 0;
    let nextCr = chunk.indexOf(CR);
    if (afterCr && chunk.length > 0) {
      // The LF of a CRLF that was cut in two. The event before it has been handed out already.
      afterCr = false;
      if (chunk[0] === LF) start = lineStart = 1;
    }
    for (;;) {
      const lf = chunk.indexOf(LF, lineStart);
      if (nextCr >= 0 && nextCr < lineStart) nextCr = chunk.indexOf(CR, lineStart);
      const end = nextCr >= 0 && (lf < 0 || nextCr < lf) ? nextCr : lf;
      if (end < 0) break;
      let next = end + 1;
      if (chunk[end] === CR) {
        if (next === chunk.length) afterCr = true;
        else if (chunk[next] === LF) next++;
      }
      const tail = chunk.subarray(lineStart, end);
      let bytes = line.length > 0 ? Buffer.concat([...line, tail]) : tail;
      line = [];
      if (first) {
        first = false;
        if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
      }
      lineStart = next;
      if (bytes.length > 0) {
        field(bytes);
        continue;
      }
      raw.push(chunk.subarray(start, next));
      start = next;
      events.push(finish());
    }
    if (start < chunk.length) raw.push(chunk.subarray(start));
    if (lineStart < chunk.length) line.push(chunk.subarray(lineStart));
    pendingBytes += chunk.length - start;
    if (pendingBytes > options.maxEventBytes) {
      throw new AppError('upstream_invalid', 'The upstream server sent an event that is too large.');
    }
    return events;
  };

  return {
    push,
    pendingBytes() {
      return pendingBytes;
    },
  };
}

interface EventFields {
  readonly id?: string | undefined;
  readonly event?: string | undefined;
  readonly retry?: string | undefined;
  readonly data?: string | Buffer | undefined;
}

/** One event as text. `data` is a JSON document without raw line breaks, or empty. */
export function writeSseEvent({ id, event, retry, data }: EventFields): string {
  const line = (name: string, value: string | Buffer | undefined) => (value === undefined ? '' : `${name}: ${value}\n`);
  return `${line('event', event)}${line('id', id)}${line('retry', retry)}${line('data', data)}\n`;
}
