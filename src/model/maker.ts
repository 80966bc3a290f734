import type { AdminLevel } from './admin-level.ts';

/**
 * Who made a credential for somebody, and how far they administered at that moment. Who makes a credential can keep a copy:
 * it is good for as much as its maker had power over, also when its owner gets more power later.
 */
export interface Maker {
  /** Of a principal (`usr_…`, `sva_…`), or a name for the machine's own operator, who may do anything. */
  readonly id: string;
  readonly level: Exclude<AdminLevel, 'none'>;
}

/** The row's two columns as a maker; null for what was made before makers were noted. */
export const toMaker = (id: string | null, level: string | null): Maker | null =>
  id !== null && (level === 'admin' || level === 'owner') ? { id, level } : null;
