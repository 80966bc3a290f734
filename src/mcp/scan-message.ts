import { isUtf8 } from 'node:buffer';
import { AppError } from '../errors/app-error.ts';
import type { JsonObject } from '../model/json.ts';
import { type MessageSpans, scanStructure } from './json-structure.ts';
import { isObject, type JsonRpcMessage } from './message.ts';

export interface ScanLimits {
  /** Deepest nesting of arrays and objects that is accepted. */
  readonly depth: number;
  /** Told how many bytes of memory the message will take beside its own, before it is parsed; throws to refuse it. */
  readonly reserve?: ((bytes: number) => void) | undefined;
}

/** What V8 takes at most for an empty object or array in a list, and about what it takes for a member. */
const BYTES_PER_VALUE = 64;

export interface ScannedMessage {
  readonly message: JsonRpcMessage;
  readonly spans: MessageSpans;
}

/** Maps every spelling that a case-insensitive parser may take for the same name to one: `Method`, `paramſ`, `ıd`. */
function fold(name: string): string {
  return name.normalize('NFKC').toUpperCase().toLowerCase();
}

/** Member names of the protocol, as they are and by what folding makes of them. */
function protocolNames(names: string) {
  const exact = new Set(names.split(' '));
  return { exact, folded: new Map([...exact].map((name) => [fold(name), name])) };
}

const ENVELOPE = protocolNames('jsonrpc id method params result error');
const PARAMS = protocolNames(
  'name arguments uri cursor _meta requestId progressToken progress level ref argument context protocolVersion capabilities clientInfo notifications inputResponses requestState',
);
const REF = protocolNames('type name uri');
const META = protocolNames(
  `progressToken ${['protocolVersion', 'clientInfo', 'clientCapabilities', 'logLevel', 'subscriptionId']
    .map((name) => `io.modelcontextprotocol/${name}`)
    .join(' ')}`,
);

/**
 * Reads one JSON-RPC message whose original bytes may be passed on, and refuses whatever another parser could read
 * differently: duplicate members, members that differ from a protocol member only by case or Unicode folding
 * (CVE-2026-27896), NUL, invalid UTF-8, escaped names of protocol members. Throws AppError `parse_error` or `invalid_message`.
 */
export function scanMessage(bytes: Buffer, limits: ScanLimits): ScannedMessage {
  if (!isUtf8(bytes)) throw new AppError('parse_error', 'The body is not valid UTF-8.');
  const structure = scanStructure(bytes, limits.depth);
  if (structure.depthExceeded) {
    throw new AppError('invalid_message', `The body nests deeper than ${limits.depth} levels.`);
  }
  limits.reserve?.(bytes.length + (structure.values + structure.members) * BYTES_PER_VALUE);
  const text = bytes.toString('utf8');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's own text quotes the body, which may hold a secret.
    throw new AppError('parse_error', 'The body is not valid JSON.');
  }
  if (Array.isArray(document)) {
    throw new AppError('invalid_message', 'JSON-RPC batches are not part of MCP since 2025-06-18; send one message.');
  }
  if (!isObject(document)) throw new AppError('invalid_message', 'The body is not a JSON object.');
  if (countMembers(document) !== structure.members) {
    throw new AppError('parse_error', 'An object in the body has the same member name twice.');
  }
  if (structure.escapedName) {
    throw new AppError('invalid_message', 'Write the names of protocol members without escapes.');
  }
  refuseLookalikes(document);
  if (text.includes('\\u0000')) refuseNul(document);
  return { message: validate(document), spans: structure.spans };
}

/** Members of all objects in the document. `for…in` sees an own `__proto__` member, too, as JSON.parse makes it. */
function countMembers(value: object): number {
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && item !== null) count += countMembers(item);
    return count;
  }
  for (const name in value) {
    count++;
    const item = (value as JsonObject)[name];
    if (typeof item === 'object' && item !== null) count += countMembers(item);
  }
  return count;
}

function refuseLookalikes(document: JsonObject): void {
  refuseLookalikesOf(ENVELOPE, document);
  const params = document.params;
  if (!isObject(params)) return;
  refuseLookalikesOf(PARAMS, params);
  if (isObject(params._meta)) refuseLookalikesOf(META, params._meta);
  if (isObject(params.ref)) refuseLookalikesOf(REF, params.ref);
}

function refuseLookalikesOf({ exact, folded }: ReturnType<typeof protocolNames>, object: JsonObject): void {
  for (const name in object) {
    if (exact.has(name)) continue;
    const meant = folded.get(fold(name));
    if (meant === undefined) continue;
    throw new AppError('invalid_message', `A member name differs from "${meant}" only by case; write it exactly.`);
  }
}

function refuseNul(document: JsonObject): void {
  const params = isObject(document.params) ? document.params : {};
  const ref = isObject(params.ref) ? params.ref : {};
  for (const text of [document.method, document.id, params.name, params.uri, ref.name, ref.uri]) {
    if (typeof text === 'string' && text.includes('\0')) {
      throw new AppError('invalid_message', 'Names and ids must not contain a NUL character.');
    }
  }
  if (hasNulName(document)) throw new AppError('invalid_message', 'Member names must not contain a NUL character.');
}

function hasNulName(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasNulName);
  if (!isObject(value)) return false;
  return Object.entries(value).some(([name, item]) => name.includes('\0') || hasNulName(item));
}

function validate(document: JsonObject): JsonRpcMessage {
  const { jsonrpc, id, method, params, result, error } = document;
  const refuse = (detail: string): never => {
    throw new AppError('invalid_message', detail);
  };
  if (jsonrpc !== '2.0') refuse('`jsonrpc` must be "2.0".');
  if ('id' in document && typeof id !== 'string' && !Number.isSafeInteger(id)) {
    // An error response may carry no id, never null as one (MCP, "Responses").
    refuse('`id` must be a string or an integer.');
  }
  if ('method' in document) {
    if (typeof method !== 'string' || method === '') refuse('`method` must be a non-empty string.');
    if ('params' in document && !isObject(params)) refuse('`params` must be an object.');
    if ('result' in document || 'error' in document)
      refuse('A message with a `method` has no `result` and no `error`.');
  } else if ('result' in document) {
    if (!isObject(result) || 'error' in document || id === undefined)
      refuse('A response has an `id` and one object `result`.');
  } else if ('error' in document) {
    if (!isObject(error) || !Number.isInteger(error.code) || typeof error.message !== 'string') {
      refuse('`error` must have an integer `code` and a string `message`.');
    }
  } else {
    refuse('A message has a `method`, a `result` or an `error`.');
  }
  return document as unknown as JsonRpcMessage;
}
