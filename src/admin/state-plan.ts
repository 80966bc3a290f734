import type { JsonObject, JsonValue } from '../model/json.ts';
import type { Database } from '../store/database.ts';

/** One thing that applying a document changes. */
export interface PlannedChange {
  readonly kind: 'role' | 'user' | 'service_account' | 'group' | 'upstream' | 'role_assignment';
  readonly name: string;
  readonly action: 'create' | 'update' | 'remove';
  /** Of an update: each member that differs, as `{ from, to }`. Of a creation: what is created. */
  readonly details: JsonObject;
  /** Carries it out in the transaction of them all. */
  run(trx: Database): Promise<void>;
}

export interface Reconciliation<Stored, Wanted> {
  readonly kind: PlannedChange['kind'];
  readonly stored: readonly Stored[];
  /** Undefined: the kind is not in the document and is left alone. */
  readonly wanted: readonly Wanted[] | undefined;
  /** Whether what is not wanted is removed. */
  readonly prune: boolean;
  nameOf(item: Stored | Wanted): string;
  /** The form of the name in which two names are the same. */
  keyOf(name: string): string;
  /** The members of `wanted` that differ from what is stored, as `{ from, to }`. */
  differences(stored: Stored, wanted: Wanted): JsonObject;
  create(trx: Database, wanted: Wanted): Promise<unknown>;
  update?(trx: Database, stored: Stored, wanted: Wanted): Promise<unknown>;
  remove(trx: Database, stored: Stored): Promise<unknown>;
}

/** What has to be done so that the stored things of one kind become the wanted ones. */
export function reconcile<Stored, Wanted extends object>(options: Reconciliation<Stored, Wanted>): PlannedChange[] {
  const { kind, wanted, nameOf, keyOf } = options;
  if (wanted === undefined) return [];
  const storedByKey = new Map(options.stored.map((item) => [keyOf(nameOf(item)), item]));
  const changes: PlannedChange[] = [];
  const kept = new Set<string>();
  for (const item of wanted) {
    const name = nameOf(item);
    const key = keyOf(name);
    kept.add(key);
    const stored = storedByKey.get(key);
    if (stored === undefined) {
      const run = async (trx: Database) => void (await options.create(trx, item));
      changes.push({ kind, name, action: 'create', details: plain(item) as JsonObject, run });
      continue;
    }
    const details = options.differences(stored, item);
    if (Object.keys(details).length === 0 || options.update === undefined) continue;
    const run = async (trx: Database) => void (await options.update?.(trx, stored, item));
    changes.push({ kind, name, action: 'update', details, run });
  }
  if (!options.prune) return changes;
  for (const [key, stored] of storedByKey) {
    if (kept.has(key)) continue;
    const run = async (trx: Database) => void (await options.remove(trx, stored));
    changes.push({ kind, name: nameOf(stored), action: 'remove', details: {}, run });
  }
  return changes;
}

/** Each member of `wanted` that is given and is not what is stored. */
export function differingMembers<K extends string>(
  stored: { readonly [M in K]?: unknown },
  wanted: { readonly [M in K]?: unknown },
  members: readonly K[],
): JsonObject {
  const differing: JsonObject = {};
  for (const member of members) {
    if (wanted[member] === undefined) continue;
    const [from, to] = [plain(stored[member]), plain(wanted[member])];
    if (canonical(from) !== canonical(to)) differing[member] = { from, to };
  }
  return differing;
}

/** As JSON has it: absent members left out. */
const plain = (value: unknown): JsonValue => (value === undefined ? null : JSON.parse(JSON.stringify(value)));

/** JSON text that does not depend on the order of members. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
