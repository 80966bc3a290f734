import { isObject } from '../mcp/message.ts';
import type { CatalogueEntry, Revision } from '../model/catalogue.ts';
import { eraOf } from '../model/catalogue.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';

/** The four lists of a catalogue, how they are asked for, and what names their entries. */
export const LISTS = {
  tools: { method: 'tools/list', capability: 'tools', name: 'name' },
  prompts: { method: 'prompts/list', capability: 'prompts', name: 'name' },
  resources: { method: 'resources/list', capability: 'resources', name: 'uri' },
  resourceTemplates: { method: 'resources/templates/list', capability: 'resources', name: 'uriTemplate' },
} as const;
export type ListName = keyof typeof LISTS;

/** Why an entry was left out of a catalogue; for the log and `upstream test`. */
export interface RejectedEntry {
  readonly list: ListName;
  /** Escaped and cut. */
  readonly name: string;
  readonly why: string;
}

/** Bytes of one definition as JSON. */
const MAX_DEFINITION_BYTES = 256 * 1024;

/**
 * What revisions since 2025-11-25 say that tool names should be, and the slash, which older servers use. The characters
 * are also what can stand in a header and in a policy without escapes, and no two of them look alike to a person.
 */
const TOOL_NAME = /^[A-Za-z0-9_./-]{1,128}$/;
/** A scheme, then anything but blanks and control characters (RFC 3986 and, for templates, RFC 6570). */
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s\p{C}]*$/u;
const MAX_URI_LENGTH = 8192;
/** Control, format and private-use characters, and every blank but the plain one. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|[^\S ]/u;

/**
 * Turns one listed item into a catalogue entry, or says why it cannot be one.
 * @param taken names that the list already has; the entry's own is added
 */
export function readEntry(
  list: ListName,
  item: JsonValue | undefined,
  revision: Revision,
  overHttp: boolean,
  taken: Set<string>,
): CatalogueEntry | RejectedEntry {
  const name = isObject(item) ? item[LISTS[list].name] : undefined;
  const reject = (why: string): RejectedEntry => ({ list, name: JSON.stringify(name ?? null).slice(0, 140), why });
  if (!isObject(item) || typeof name !== 'string') return reject(`it has no ${LISTS[list].name}`);
  if (taken.has(name)) return reject('the name is there twice');
  const fault = nameFault(list, name) ?? (list === 'tools' ? toolFault(item, revision, overHttp) : undefined);
  if (fault !== undefined) return reject(fault);
  if (Buffer.byteLength(JSON.stringify(item)) > MAX_DEFINITION_BYTES) {
    return reject(`its definition is larger than ${MAX_DEFINITION_BYTES} bytes`);
  }
  taken.add(name);
  const annotations = isObject(item.annotations) ? item.annotations : {};
  return {
    name,
    definition: item,
    readOnly: list === 'tools' && annotations.readOnlyHint === true,
    destructive: list === 'tools' && annotations.readOnlyHint !== true && annotations.destructiveHint !== false,
  };
}

export const isRejected = (entry: CatalogueEntry | RejectedEntry): entry is RejectedEntry => 'why' in entry;

function nameFault(list: ListName, name: string): string | undefined {
  if (list === 'tools') return TOOL_NAME.test(name) ? undefined : 'a tool name is 1 to 128 of A–Z a–z 0–9 _ . / -';
  if (list === 'prompts') {
    if (name === '' || name.length > 256) return 'a prompt name has 1 to 256 characters';
    if (UNPRINTABLE.test(name) || name.trim() !== name)
      return 'the name has blanks around it or unprintable characters';
    // Two spellings of what looks like one name could carry two decisions.
    return name.normalize('NFKC') === name ? undefined : 'the name is not in Unicode normal form NFKC';
  }
  if (name.length > MAX_URI_LENGTH) return `a URI has at most ${MAX_URI_LENGTH} characters`;
  if (list === 'resources') return URI.test(name) ? undefined : 'it is not a URI';
  return UNPRINTABLE.test(name) || name === '' ? 'it is not a URI template' : undefined;
}

function toolFault(tool: JsonObject, revision: Revision, overHttp: boolean): string | undefined {
  if (!isObject(tool.inputSchema)) return 'it has no inputSchema object';
  if (!overHttp || eraOf(revision) !== 'modern') return undefined;
  const headers = new Set<string>();
  return headerFault(tool.inputSchema, true, headers);
}

/** RFC 9110 §5.1. */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const HEADER_TYPES = new Set(['string', 'integer', 'boolean']);

/**
 * The constraints on `x-mcp-header` (2026-07-28, Streamable HTTP, "Schema Extension"): a tool that breaks one must be left
 * out. @param reachable through `properties` alone from the root
 */
function headerFault(
  schema: JsonValue | undefined,
  reachable: boolean,
  seen: Set<string>,
  depth = 0,
): string | undefined {
  if (depth > 64) return 'its inputSchema nests too deeply';
  if (Array.isArray(schema)) return firstFault(schema, (item) => headerFault(item, false, seen, depth + 1));
  if (!isObject(schema)) return undefined;
  const header = schema['x-mcp-header'];
  // `default`, `enum` and the like hold data, but a schema's own member stands beside its type.
  if (header !== undefined && depth > 0) {
    if (!reachable) return 'x-mcp-header stands where no argument can be found for it';
    if (typeof header !== 'string' || !FIELD_NAME.test(header)) return 'an x-mcp-header is not a header name';
    if (!HEADER_TYPES.has(String(schema.type))) return `x-mcp-header ${header} is not on a string, integer or boolean`;
    if (seen.has(header.toLowerCase())) return `x-mcp-header ${header} is there twice`;
    seen.add(header.toLowerCase());
  }
  return firstFault(Object.entries(schema), ([keyword, value]) => {
    if (DATA_KEYWORDS.has(keyword)) return undefined;
    if (keyword !== 'properties' || !isObject(value)) return headerFault(value, false, seen, depth + 1);
    return firstFault(Object.values(value), (property) => headerFault(property, reachable, seen, depth + 1));
  });
}

const DATA_KEYWORDS = new Set(['x-mcp-header', 'default', 'enum', 'const', 'examples', 'description', 'title', 'type']);

function firstFault<T>(items: readonly T[], faultOf: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const fault = faultOf(item);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
