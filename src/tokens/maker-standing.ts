import { type AdminLevel, levelOf, reaches } from '../model/admin-level.ts';
import type { Maker } from '../model/maker.ts';
import type { PrincipalKind } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import { rolesOfPrincipal } from '../store/role-assignments.ts';

export interface StandingOf {
  readonly tenantId: string;
  readonly maker: Maker | null;
  /** Whose credential it is. */
  readonly ownerId: string;
}

/**
 * Whether a credential that `maker` made may be good for somebody who administers as `level`: its maker, who may have kept
 * it, had that power when making it, and has it now or made it for themselves.
 */
export async function makerReaches(
  db: Database,
  { tenantId, maker, ownerId }: StandingOf,
  level: AdminLevel,
): Promise<boolean> {
  if (level === 'none') return true;
  if (maker === null || !reaches(maker.level, level)) return false;
  const kind = kindOf(maker.id);
  if (kind === null || maker.id === ownerId) return true;
  return reaches(levelOf(await rolesOfPrincipal(db, { tenantId, kind, id: maker.id })), level);
}

/** Null for the operator of the machine, who is no account. */
function kindOf(id: string): PrincipalKind | null {
  if (id.startsWith('usr_')) return 'user';
  return id.startsWith('sva_') ? 'service_account' : null;
}
