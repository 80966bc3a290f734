/** Byte offsets `[start, end)` of one JSON value; a string's include its quotes. */
export type Span = readonly [start: number, end: number];

/** Members whose place in the bytes the gateway must know, level by level from the root of the message. */
const TRACKED: readonly Record<string, string>[] = [
  { id: 'id', method: 'method', params: 'params', result: 'result', error: 'error' },
  {
    name: 'name',
    uri: 'uri',
    requestId: 'requestId',
    requestState: 'requestState',
    _meta: 'meta',
    ref: 'ref',
    arguments: 'arguments',
  },
  { progressToken: 'progressToken', name: 'refName' },
];
/** The objects in `params` whose members are tracked, with the one member tracked in each. */
const INNER: Readonly<Record<string, string>> = { meta: 'progressToken', ref: 'name' };

export type SpanName = 'id' | 'method' | 'params' | 'result' | 'error' | ParamsSpanName | 'progressToken' | 'refName';
type ParamsSpanName = 'name' | 'uri' | 'requestId' | 'requestState' | 'meta' | 'ref' | 'arguments';
export type MessageSpans = { -readonly [K in SpanName]?: Span };

export interface JsonStructure {
  readonly spans: MessageSpans;
  /** Members of all objects, counted in the bytes. More than the parsed document has means that a name occurs twice. */
  readonly members: number;
  readonly depthExceeded: boolean;
  /** A member name on the path to a tracked value is written with escapes, so its place cannot be trusted. */
  readonly escapedName: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Beyond this many bytes of one string a native search is faster than the loop. */
const LONG_STRING = 48;

/** Offset of the closing quote of the string that opens before `from`; the length of `bytes` when there is none. */
function endOfString(bytes: Buffer, from: number): number {
  const near = Math.min(bytes.length, from + LONG_STRING);
  let i = from;
  for (; i < near; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) return i;
    if (byte === BACKSLASH) i++;
  }
  for (;;) {
    const quote = bytes.indexOf(QUOTE, i);
    if (quote < 0) return bytes.length;
    let escapes = quote;
    while (escapes > i && bytes[escapes - 1] === BACKSLASH) escapes--;
    if (((quote - escapes) & 1) === 0) return quote;
    i = quote + 1;
  }
}

/**
 * One pass over the bytes of a JSON document without parsing it: nesting depth, number of members, and where the tracked
 * values stand. It runs before `JSON.parse`, which alone decides whether the document is valid; of an invalid document
 * the answer means nothing. Linear in the length, stops at `maxDepth`.
 */
export function scanStructure(bytes: Buffer, maxDepth: number): JsonStructure {
  const spans: MessageSpans = {};
  let members = 0;
  let depth = 0;
  let escapedName = false;
  /** How many levels from the root down are on a tracked path: 1 = root, 2 = its params or result, 3 = their _meta or ref. */
  let trackedDepth = 0;
  /** For each tracked level, the span name of the member being read there. */
  const current: (string | undefined)[] = [undefined, undefined, undefined];
  const starts = [0, 0, 0];
  let key: Span | undefined;
  let lastByte = 0;

  const finishValue = (): void => {
    const level = depth - 1;
    const name = level < trackedDepth ? current[level] : undefined;
    if (name === undefined) return;
    spans[name as SpanName] = [starts[level]!, lastByte + 1];
    current[level] = undefined;
  };

  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte <= 0x20) continue;
    if (byte === QUOTE) {
      const end = endOfString(bytes, i + 1);
      if (depth === trackedDepth && depth > 0) key = [i + 1, end];
      i = end;
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > maxDepth) return { spans, members, depthExceeded: true, escapedName };
      if (byte === 0x7b && isTrackedObject(depth, trackedDepth, current)) trackedDepth = depth;
    } else if (byte === 0x7d || byte === 0x5d) {
      finishValue();
      if (trackedDepth === depth) trackedDepth--;
      depth--;
    } else if (byte === 0x2c) {
      finishValue();
    } else if (byte === 0x3a) {
      members++;
      if (depth === trackedDepth && depth > 0 && key !== undefined) {
        const level = depth - 1;
        const text = bytes.toString('latin1', key[0], key[1]);
        if (text.includes('\\')) escapedName = true;
        const wanted = level < 2 || INNER[current[1]!] === text;
        current[level] = wanted && Object.hasOwn(TRACKED[level]!, text) ? TRACKED[level]![text] : undefined;
        let start = i + 1;
        while (bytes[start]! <= 0x20) start++;
        starts[level] = start;
      }
    }
    lastByte = i;
  }
  return { spans, members, depthExceeded: false, escapedName };
}

/** The root object, its `params` or `result` object, and the `_meta` and `ref` objects in there. */
function isTrackedObject(depth: number, trackedDepth: number, current: readonly (string | undefined)[]): boolean {
  if (depth !== trackedDepth + 1) return false;
  if (depth === 1) return true;
  if (depth === 2) return current[0] === 'params' || current[0] === 'result';
  return depth === 3 && current[1] !== undefined && Object.hasOwn(INNER, current[1]);
}
