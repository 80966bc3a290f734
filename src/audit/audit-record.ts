import type { AuditEvent } from '../model/audit-event.ts';
import { escapeUnprintableJson } from './escape-unprintable.ts';

/** A record as it stands in the log: an event with its place in the chain. */
export interface AuditRecord extends AuditEvent {
  /** 1, 2, 3… over the whole life of the log. A missing number is a missing record. */
  readonly seq: number;
  /** `aud_{writer}_{seq}`: unique over all logs; `writer` names the run of the gateway that wrote it. */
  readonly id: string;
  /** Of an outcome: the `seq` of its intent. An outcome without one ended something whose intent was never accepted. */
  readonly intent?: number | undefined;
}

/** A record with its chain hash (lower-case hex SHA-256), as it is listed and exported. */
export interface ChainedRecord extends AuditRecord {
  readonly hash: string;
}

/** No event is longer than this many characters; one that would be loses its content, and its long texts are cut. */
const MAX_EVENT = 64 * 1024;
const MAX_TEXT = 1024;

const cutText = (value: unknown): unknown =>
  typeof value === 'string' && value.length > MAX_TEXT
    ? `${value.slice(0, MAX_TEXT)}... [cut: ${value.length} characters]`
    : value;

/** Its content replaced by a note and its texts cut. The hashes in the event still stand for the whole. */
function shorten(event: AuditEvent, length: number): AuditEvent {
  const note = `[cut: the event would have had ${length} characters]`;
  const short = Object.fromEntries(Object.entries(event).map(([key, value]) => [key, cutText(value)]));
  return {
    ...(short as unknown as AuditEvent),
    ...(event.arguments === undefined ? {} : { arguments: note }),
    ...(event.response === undefined ? {} : { response: note }),
  };
}

/** What an outcome adds to its intent. Who did what is not repeated: it would double the size of the log. */
export function resultOf(event: AuditEvent): AuditEvent {
  return {
    phase: 'outcome',
    action: event.action,
    requestId: event.requestId,
    time: event.time,
    tenantId: event.tenantId,
    reason: event.reason,
    outcome: event.outcome,
    errorCode: event.errorCode,
    responseBytes: event.responseBytes,
    responseHash: event.responseHash,
    durationMs: event.durationMs,
    response: event.response,
  };
}

/**
 * The one line of JSON that is hashed, stored and exported for an event: `seq`, `id`, `intent` (of an outcome: the seq
 * of its intent), then the event's members in the order in which it has them. Control and bidirectional characters are
 * escaped, so that a record is one line whatever its values are. The hash covers exactly these bytes, which is why no
 * further canonical form is needed.
 */
export function recordLine(seq: number, writer: string, event: AuditEvent, intent?: number): string {
  let json = JSON.stringify(event);
  if (json.length > MAX_EVENT) json = JSON.stringify(shorten(event, json.length));
  const body = escapeUnprintableJson(json).slice(1);
  return intent === undefined
    ? `{"seq":${seq},"id":"aud_${writer}_${seq}",${body}`
    : `{"seq":${seq},"id":"aud_${writer}_${seq}","intent":${intent},${body}`;
}

/** The seq of the intent that the line of an outcome names, read without parsing the line. */
export function intentOf(line: string): number | null {
  const start = line.indexOf('",') + 2;
  return line.startsWith('"intent":', start) ? Number.parseInt(line.slice(start + 9, start + 30), 10) : null;
}
