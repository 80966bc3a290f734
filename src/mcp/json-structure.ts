/** Byte offsets `[start, end)` of one JSON value; a string's include its quotes. */
export type Span = readonly [start: number, end: number];

type Tracked = readonly (readonly [name: string, span: SpanName])[];

/** Members whose place in the bytes the gateway must know, level by level from the root of the message. */
const ROOT: Tracked = [
  ['id', 'id'],
  ['method', 'method'],
  ['params', 'params'],
  ['result', 'result'],
  ['error', 'error'],
];
const PARAMS: Tracked = [
  ['name', 'name'],
  ['uri', 'uri'],
  ['requestId', 'requestId'],
  ['requestState', 'requestState'],
  ['_meta', 'meta'],
  ['ref', 'ref'],
  ['arguments', 'arguments'],
];
const META: Tracked = [['progressToken', 'progressToken']];
const REF: Tracked = [['name', 'refName']];

export type SpanName = 'id' | 'method' | 'params' | 'result' | 'error' | ParamsSpanName | 'progressToken' | 'refName';
type ParamsSpanName = 'name' | 'uri' | 'requestId' | 'requestState' | 'meta' | 'ref' | 'arguments';
export type MessageSpans = { -readonly [K in SpanName]?: Span };

export interface JsonStructure {
  readonly spans: MessageSpans;
  /** Members of all objects, counted in the bytes. More than the parsed document has means that a name occurs twice. */
  readonly members: number;
  /** Objects, arrays and their items, roughly: opening brackets and commas. What the parsed document takes goes with it. */
  readonly values: number;
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
  let values = 0;
  let depth = 0;
  let escapedName = false;
  /** How many levels from the root down are on a tracked path: 1 = root, 2 = its params or result, 3 = their _meta or ref. */
  let trackedDepth = 0;
  const current: Current = [undefined, undefined, undefined];
  const starts = [0, 0, 0];
  let keyStart = -1;
  let keyEnd = 0;
  let lastByte = 0;

  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte <= 0x20) continue;
    if (byte === QUOTE) {
      const end = endOfString(bytes, i + 1);
      keyStart = i + 1;
      keyEnd = end;
      i = end;
    } else if (byte === 0x7b || byte === 0x5b) {
      values++;
      if (++depth > maxDepth) return { spans, members, values, depthExceeded: true, escapedName };
      if (byte === 0x7b && isTrackedObject(depth, trackedDepth, current)) trackedDepth = depth;
    } else if (byte === 0x7d || byte === 0x5d) {
      if (depth <= trackedDepth) endValue(spans, current, starts, depth - 1, lastByte + 1);
      if (trackedDepth === depth) trackedDepth--;
      depth--;
    } else if (byte === 0x2c) {
      values++;
      if (depth <= trackedDepth) endValue(spans, current, starts, depth - 1, lastByte + 1);
    } else if (byte === 0x3a) {
      members++;
      if (depth === trackedDepth && depth > 0 && keyStart >= 0) {
        const level = depth - 1;
        escapedName ||= hasEscape(bytes, keyStart, keyEnd);
        current[level] = trackedName(trackedOn(level, current), bytes, keyStart, keyEnd);
        let start = i + 1;
        while (bytes[start]! <= 0x20) start++;
        starts[level] = start;
      }
    }
    lastByte = i;
  }
  return { spans, members, values, depthExceeded: false, escapedName };
}

/** For each tracked level, the span name of the member being read there. */
type Current = (SpanName | undefined)[];

function endValue(spans: MessageSpans, current: Current, starts: readonly number[], level: number, end: number): void {
  const name = current[level];
  if (name === undefined) return;
  spans[name] = [starts[level]!, end];
  current[level] = undefined;
}

function trackedOn(level: number, current: Current): Tracked {
  if (level === 0) return ROOT;
  if (level === 1) return PARAMS;
  return current[1] === 'meta' ? META : REF;
}

function trackedName(tracked: Tracked, bytes: Buffer, start: number, end: number): SpanName | undefined {
  for (const [name, span] of tracked) {
    if (name.length === end - start && isTextAt(bytes, start, name)) return span;
  }
  return undefined;
}

function isTextAt(bytes: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

function hasEscape(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === BACKSLASH) return true;
  return false;
}

/** The root object, its `params` or `result` object, and the `_meta` and `ref` objects in there. */
function isTrackedObject(depth: number, trackedDepth: number, current: Current): boolean {
  if (depth !== trackedDepth + 1) return false;
  if (depth === 1) return true;
  if (depth === 2) return current[0] === 'params' || current[0] === 'result';
  return depth === 3 && (current[1] === 'meta' || current[1] === 'ref');
}
