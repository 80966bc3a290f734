import type { AuditEvent } from '../model/audit-event.ts';
import { blockOf, type FacetField, facetHash } from './block-facets.ts';

/** What to search for; everything that is given must hold. */
export interface AuditQuery {
  readonly tenantId: string;
  /** Id or name. */
  readonly principal?: string | undefined;
  /** Id or name of the access key. */
  readonly agent?: string | undefined;
  readonly upstream?: string | undefined;
  /** Name of a tool or prompt, resource URI, or name of what an administrator changed. `x*`: all that begin with x. */
  readonly tool?: string | undefined;
  /** Such as `tool.call`. `key.*`: all that begin with `key.`. */
  readonly action?: string | undefined;
  readonly decision?: 'allow' | 'deny' | undefined;
  /** `unknown`: the gateway died before the outcome was recorded. `pending`: still under way. */
  readonly outcome?: AuditEvent['outcome'] | 'unknown' | 'pending' | undefined;
  /** Milliseconds since the epoch; from inclusive, to exclusive. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** 1 to 500; 50 when absent. */
  readonly limit?: number | undefined;
}

interface Filter {
  readonly sql: string;
  readonly values: readonly (string | number)[];
  /** Hashes of which a block must have one to be worth reading; null when the filter cannot tell. */
  readonly facets: readonly number[] | null;
}

const field = (name: string) => `json_extract(r.line, '$.${name}')`;

function matchText(fields: readonly FacetField[], wanted: string): Filter {
  if (wanted.endsWith('*')) {
    const prefix = wanted.slice(0, -1);
    const sql = fields.map((name) => `substr(${field(name)}, 1, length(?)) = ?`).join(' OR ');
    return { sql: `(${sql})`, values: fields.flatMap(() => [prefix, prefix]), facets: null };
  }
  const sql = fields.map((name) => `${field(name)} = ?`).join(' OR ');
  return { sql: `(${sql})`, values: fields.map(() => wanted), facets: fields.map((name) => facetHash(name, wanted)) };
}

/** `runStart`: the first record of the present run. What is open since before it will never get its outcome. */
function matchOutcome(wanted: NonNullable<AuditQuery['outcome']>, runStart: number): Filter {
  if (wanted !== 'unknown' && wanted !== 'pending') {
    const sql = `coalesce(json_extract(o.line, '$.outcome'), ${field('outcome')}) = ?`;
    return { sql, values: [wanted], facets: null };
  }
  const open = `(${field('phase')} = 'intent' AND o.seq IS NULL AND ${field('decision')} IS NOT 'deny')`;
  return { sql: `${open} AND r.seq ${wanted === 'unknown' ? '<' : '>='} ?`, values: [runStart], facets: null };
}

function filtersOf(query: AuditQuery, runStart: number): Filter[] {
  const filters: Filter[] = [matchText(['tenantId'], query.tenantId)];
  if (query.principal !== undefined) filters.push(matchText(['principalId', 'principalName'], query.principal));
  if (query.agent !== undefined) filters.push(matchText(['agentId', 'agentName'], query.agent));
  if (query.upstream !== undefined) filters.push(matchText(['upstream'], query.upstream));
  if (query.tool !== undefined) filters.push(matchText(['target'], query.tool));
  if (query.action !== undefined) filters.push(matchText(['action'], query.action));
  if (query.decision !== undefined) filters.push(matchText(['decision'], query.decision));
  if (query.outcome !== undefined) filters.push(matchOutcome(query.outcome, runStart));
  if (query.from !== undefined) filters.push({ sql: `${field('time')} >= ?`, values: [query.from], facets: null });
  if (query.to !== undefined) filters.push({ sql: `${field('time')} < ?`, values: [query.to], facets: null });
  return filters;
}

export interface StoredBlock {
  readonly first_time: number;
  readonly last_time: number;
  readonly facets: Uint8Array;
}

/** A query made ready: SQL that takes (first seq, last seq, …values, limit), and a test that rules out whole blocks. */
export function compileQuery(query: AuditQuery, runStart: number) {
  const filters = filtersOf(query, runStart);
  const sql = `
    SELECT r.seq AS seq, r.hash AS hash, r.line AS line, o.line AS outcome
    FROM records r LEFT JOIN records o ON o.intent = r.seq
    WHERE r.seq BETWEEN ? AND ? AND r.intent IS NULL AND ${filters.map((filter) => filter.sql).join(' AND ')}
    ORDER BY r.seq DESC LIMIT ?`;
  const required = filters.flatMap(({ facets }) => (facets === null ? [] : [facets]));

  function mayMatch({ first_time, last_time, facets }: StoredBlock): boolean {
    if (query.from !== undefined && last_time < query.from) return false;
    if (query.to !== undefined && first_time >= query.to) return false;
    // Copied, since the bytes need not be aligned.
    const present = new Uint32Array(facets.slice().buffer);
    return required.every((group) => group.some((hash) => present.includes(hash)));
  }

  return { sql, values: filters.flatMap((filter) => filter.values), mayMatch };
}

/** So many neighbouring blocks are read by one statement at most. */
const MAX_RANGE_BLOCKS = 64;

/** Runs of neighbouring blocks that may hold a match, newest first, as [first block, last block]. */
export function* candidateRanges(lastSeq: number, mayMatch: (block: number) => boolean): Generator<[number, number]> {
  let block = blockOf(lastSeq);
  while (block >= 0) {
    while (block >= 0 && !mayMatch(block)) block--;
    if (block < 0) return;
    const newest = block;
    while (block > 0 && newest - block + 1 < MAX_RANGE_BLOCKS && mayMatch(block - 1)) block--;
    yield [block, newest];
    block--;
  }
}
