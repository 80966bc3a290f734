import type { MessageSpans, Span, SpanName } from './json-structure.ts';

export interface Edit {
  readonly span: Span;
  readonly text: string;
}

/**
 * Replaces spans of a message and leaves every other byte as it is: numbers beyond 2^53, member order and spacing
 * survive, which parsing and printing again would not guarantee. The spans must not overlap; their order is free.
 */
export function splice(bytes: Buffer, edits: readonly Edit[]): Buffer {
  const ordered = edits.length > 1 ? [...edits].sort((a, b) => a.span[0] - b.span[0]) : edits;
  const parts: Buffer[] = [];
  let at = 0;
  for (const { span, text } of ordered) {
    parts.push(bytes.subarray(at, span[0]), Buffer.from(text));
    at = span[1];
  }
  parts.push(bytes.subarray(at));
  return Buffer.concat(parts);
}

/**
 * Where the spans of a message are after `splice` with these edits: those behind an edit move, an edited one gets its new
 * length, one that contains an edit grows, and one that lay inside a replaced span is gone.
 */
export function spansAfter(spans: MessageSpans, edits: readonly Edit[]): MessageSpans {
  const after: MessageSpans = {};
  for (const [name, span] of Object.entries(spans) as [SpanName, Span][]) {
    let [start, end] = span;
    let replaced = false;
    for (const { span: edited, text } of edits) {
      const delta = Buffer.byteLength(text) - (edited[1] - edited[0]);
      if (edited[1] <= span[0]) start += delta;
      if (edited[1] <= span[1]) end += delta;
      replaced ||= edited[0] <= span[0] && span[1] <= edited[1] && edited[1] - edited[0] > span[1] - span[0];
    }
    if (!replaced) after[name] = [start, end];
  }
  return after;
}
