import { type MessageSpans, scanStructure } from '../mcp/json-structure.ts';
import { splice } from '../mcp/splice.ts';
import { memberSpan } from '../upstreams/transports/member-span.ts';

const MAX_DEPTH = 256;
const COMMA = 0x2c;

interface Bytes {
  readonly body: Buffer;
  readonly spans: MessageSpans;
}

/**
 * A message that was read and found well-formed, without these members of its `params`; every other byte stays. What it
 * does not have is no matter. Names must be plain ASCII, as `scanMessage` lets no escaped ones through.
 */
export function withoutParams({ body, spans }: Bytes, names: readonly string[]): Bytes {
  let left: Bytes = { body, spans };
  for (const name of names) left = withoutParam(left, name);
  return left;
}

function withoutParam({ body, spans }: Bytes, name: string): Bytes {
  const value = spans.params && memberSpan(body, spans.params, name);
  if (value === undefined) return { body, spans };
  let start = body.lastIndexOf(`"${name}"`, value[0] - 1);
  let end = value[1];
  const after = skipBlank(body, end, 1);
  if (body[after] === COMMA) {
    end = after + 1;
  } else {
    // The last member: the comma to take is the one before it, if there is one.
    const before = skipBlank(body, start - 1, -1);
    if (body[before] === COMMA) start = before;
  }
  const shorter = splice(body, [{ span: [start, end], text: '' }]);
  return { body: shorter, spans: scanStructure(shorter, MAX_DEPTH).spans };
}

function skipBlank(bytes: Buffer, from: number, step: 1 | -1): number {
  let at = from;
  while (bytes[at]! <= 0x20) at += step;
  return at;
}
