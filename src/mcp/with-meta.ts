import type { JsonObject } from '../model/json.ts';
import type { MessageSpans, Span } from './json-structure.ts';
import { type Edit, splice } from './splice.ts';

/**
 * The message with another `params._meta` (none when it is empty), every other byte as it was. `params` is created
 * where there is none.
 */
export function withMeta(bytes: Buffer, spans: MessageSpans, meta: JsonObject): Buffer {
  return splice(bytes, [metaEdit(bytes, spans, meta)]);
}

function metaEdit(bytes: Buffer, spans: MessageSpans, meta: JsonObject): Edit {
  const json = JSON.stringify(meta);
  if (spans.meta !== undefined) return { span: spans.meta, text: json };
  if (spans.params !== undefined) {
    const open = spans.params[0] + 1;
    return { span: at(open), text: `"_meta":${json}${isEmptyObject(bytes, spans.params) ? '' : ','}` };
  }
  return { span: at(bytes.lastIndexOf(0x7d)), text: `,"params":{"_meta":${json}}` };
}

const at = (offset: number): Span => [offset, offset];

function isEmptyObject(bytes: Buffer, span: Span): boolean {
  return bytes.toString('latin1', span[0] + 1, span[1] - 1).trim() === '';
}
