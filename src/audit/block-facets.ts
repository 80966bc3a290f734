import type { AuditEvent } from '../model/audit-event.ts';
import type { BlockSummary } from './writer-database.ts';

/** Records per block. A search leaves out whole blocks in which what it looks for does not occur. */
const BLOCK_SIZE = 1024;

export const blockOf = (seq: number): number => Math.floor(seq / BLOCK_SIZE);
export const firstSeqOf = (block: number): number => block * BLOCK_SIZE;

const FACET_FIELDS = [
  'tenantId',
  'action',
  'principalId',
  'principalName',
  'agentId',
  'agentName',
  'upstream',
  'target',
  'decision',
] as const;
export type FacetField = (typeof FACET_FIELDS)[number];

/** FNV-1a, 32 bits. Two values with the same hash cost a search some time and nothing else. */
export function facetHash(field: FacetField, value: string): number {
  const text = `${field}=${value}`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/**
 * Collects what occurs in each block of records. A block of which it did not see the first record gets no summary, and
 * a search reads it: that is one block for every run of the gateway.
 */
export function createFacetCollector() {
  const values = FACET_FIELDS.map(() => new Set<string>());
  /** What was added last: most calls repeat most of the call before, and comparing costs less than hashing. */
  const latest = FACET_FIELDS.map((): string | undefined => undefined);
  let block = -1;
  let whole = false;
  let firstTime = 0;
  let lastTime = 0;

  function summarise(): BlockSummary | null {
    if (!whole) return null;
    const hashes = FACET_FIELDS.flatMap((field, i) => [...values[i]!].map((value) => facetHash(field, value)));
    return { block, firstTime, lastTime, facets: Uint32Array.from(hashes) };
  }

  /** To be called with every record in order. Returns the summary of the block that ended before it, if any. */
  return function collect(seq: number, event: AuditEvent): BlockSummary | null {
    let ended: BlockSummary | null = null;
    if (blockOf(seq) !== block) {
      ended = summarise();
      for (const set of values) set.clear();
      latest.fill(undefined);
      block = blockOf(seq);
      whole = seq === firstSeqOf(block);
      firstTime = event.time;
      lastTime = event.time;
    }
    // The clock may be set back, and events need not come in the order of their times.
    if (event.time < firstTime) firstTime = event.time;
    if (event.time > lastTime) lastTime = event.time;
    for (let i = 0; i < FACET_FIELDS.length; i++) {
      const value = event[FACET_FIELDS[i]!];
      if (value === undefined || value === latest[i]) continue;
      latest[i] = value;
      values[i]!.add(value);
    }
    return ended;
  };
}
