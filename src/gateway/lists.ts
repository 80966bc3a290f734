import { AppError } from '../errors/app-error.ts';
import { prefixedName } from '../mcp/tool-names.ts';
import type { Catalogue, CatalogueEntry, PrimitiveKind } from '../model/catalogue.ts';
import type { Target } from '../model/decision.ts';
import type { JsonObject } from '../model/json.ts';
import type { Caller } from '../model/principal.ts';
import type { Upstream } from '../model/upstream.ts';
import { connectTool } from './connect-tool.ts';
import type { Mount } from './mount.ts';
import { mounted, ownerOf, type Snapshot } from './snapshot.ts';

/** The four lists: the method, the member of its result, and what policy calls its entries. */
export const LISTS = {
  'tools/list': { member: 'tools', kind: 'tool' },
  'prompts/list': { member: 'prompts', kind: 'prompt' },
  'resources/list': { member: 'resources', kind: 'resource' },
  'resources/templates/list': { member: 'resourceTemplates', kind: 'resource' },
} as const satisfies Record<string, { member: keyof Catalogue; kind: PrimitiveKind }>;

export type ListMethod = keyof typeof LISTS;
export const isListMethod = (method: string): method is ListMethod => Object.hasOwn(LISTS, method);

const NOTHING: readonly string[] = [];

interface Item {
  /** The name or URI as this mount shows it. */
  readonly key: string;
  readonly json: string;
}

/** What one caller sees of one list. `pages` holds those that were asked for, printed, by their offset. */
export interface VisibleList {
  readonly items: readonly Item[];
  readonly pages: Map<number, Buffer>;
}

export function targetOf(upstream: Upstream, kind: PrimitiveKind, entry: CatalogueEntry): Target {
  return { upstream: upstream.name, kind, name: entry.name, readOnly: entry.readOnly, destructive: entry.destructive };
}

/**
 * The entries of a list that this caller may use, and nothing else: what is listed is what may be called. Shared by all
 * callers with the same rights, until the next snapshot.
 *
 * @param toConnect upstreams in whose place a list of tools shows the gateway's own tool for connecting an account
 */
export function visibleList(
  snapshot: Snapshot,
  caller: Caller,
  mount: Mount,
  method: ListMethod,
  toConnect: readonly string[] = NOTHING,
): VisibleList {
  const upstreams = mounted(snapshot, mount);
  const rights = cacheKey(upstreams, caller, mount, method);
  const key = toConnect.length === 0 ? rights : rights + toConnect.join();
  let list = snapshot.lists.get(key);
  if (list === undefined) {
    const own = toConnect.map((upstream) => connectTool(upstream, mount.upstream === null));
    list = { items: [...collect(snapshot, upstreams, caller, mount, method), ...own], pages: new Map() };
    snapshot.lists.set(key, list);
  }
  return list;
}

function cacheKey(upstreams: readonly Upstream[], caller: Caller, mount: Mount, method: ListMethod): string {
  const personal = upstreams.some((upstream) => ownerOf(upstream, caller) !== undefined);
  return JSON.stringify([
    method,
    mount.upstream,
    caller.tenantId,
    caller.roles,
    caller.restriction ?? null,
    personal ? caller.principal.id : null,
  ]);
}

/** A target with the entry that it was made of. */
interface Candidate extends Target {
  readonly entry: CatalogueEntry;
}

function collect(
  snapshot: Snapshot,
  upstreams: readonly Upstream[],
  caller: Caller,
  mount: Mount,
  method: ListMethod,
): Item[] {
  const { member, kind } = LISTS[method];
  const candidates = upstreams.flatMap((upstream): Candidate[] => {
    const entries: readonly CatalogueEntry[] = snapshot.catalogueOf(upstream, caller)?.[member] ?? [];
    return entries.map((entry) => ({ ...targetOf(upstream, kind, entry), entry }));
  });
  const items = new Map<string, Item>();
  const withPrefix = mount.upstream === null && kind !== 'resource';
  for (const { upstream, name, entry } of snapshot.policy.allowedOf(caller, candidates)) {
    const key = withPrefix ? prefixedName(upstream, name) : name;
    // Two upstreams may serve the same URI; on /mcp the alphabetically first one answers for it (see route.ts).
    if (!items.has(key)) items.set(key, { key, json: withPrefix ? withName(entry, key) : fragment(entry) });
  }
  return [...items.values()];
}

/** Printed definitions. A catalogue and its entries are immutable, so each is printed once for each kind of mount. */
const printed = new WeakMap<CatalogueEntry, string>();
const printedWithPrefix = new WeakMap<CatalogueEntry, string>();

const fragment = (entry: CatalogueEntry): string => once(printed, entry, () => entry.definition);
const withName = (entry: CatalogueEntry, name: string): string =>
  once(printedWithPrefix, entry, () => ({ ...entry.definition, name }));

function once(memory: WeakMap<CatalogueEntry, string>, entry: CatalogueEntry, definition: () => JsonObject): string {
  const known = memory.get(entry);
  if (known !== undefined) return known;
  const json = JSON.stringify(definition());
  memory.set(entry, json);
  return json;
}

/**
 * One page as the members of a result, printed: `"tools":[…],"nextCursor":"…"`. A cursor names the offset and the entry
 * before it; when the list has changed in between it is refused and the client starts again. Throws `invalid_params`.
 */
export function pageJson(list: VisibleList, method: ListMethod, cursor: unknown, pageSize: number): Buffer {
  const offset = cursor === undefined ? 0 : offsetOf(list, cursor);
  const cached = list.pages.get(offset);
  if (cached !== undefined) return cached;
  const end = Math.min(offset + pageSize, list.items.length);
  const next = end < list.items.length ? `,"nextCursor":${JSON.stringify(cursorAt(list, end))}` : '';
  const items = list.items.slice(offset, end).map((item) => item.json);
  const page = Buffer.from(`"${LISTS[method].member}":[${items.join()}]${next}`);
  list.pages.set(offset, page);
  return page;
}

const cursorAt = (list: VisibleList, offset: number): string =>
  Buffer.from(JSON.stringify([offset, list.items[offset - 1]!.key])).toString('base64url');

function offsetOf(list: VisibleList, cursor: unknown): number {
  try {
    const [offset, key] = JSON.parse(Buffer.from(String(cursor), 'base64url').toString());
    if (Number.isInteger(offset) && offset > 0 && list.items[offset - 1]?.key === key) return offset;
  } catch {
    // Not one of our cursors: refused below, like one of an older list.
  }
  throw new AppError('invalid_params', 'The cursor is not valid any more; list again from the start.');
}
