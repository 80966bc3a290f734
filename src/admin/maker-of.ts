import type { Maker } from '../model/maker.ts';
import type { Caller } from '../model/principal.ts';
import { findAccessKey } from '../store/access-keys.ts';
import type { Database } from '../store/database.ts';
import { adminLevel } from './authorize.ts';

/**
 * Who is to be noted as the maker of a credential for a principal. What an admin makes for themselves with a key that
 * another gave them counts as that other's: who made the first key and kept it could have made the second with it. (What
 * owners hold was looked through when they became one.) Null where the maker is not known.
 */
export async function makerOf(db: Database, caller: Caller, ownerId: string): Promise<Maker | null> {
  const { tenantId, principal, agent } = caller;
  const level = adminLevel(caller);
  if (level === 'none') return null;
  if (level === 'admin' && principal.id === ownerId) {
    return (await findAccessKey(db, { tenantId, id: agent.id }))?.maker ?? null;
  }
  return { id: principal.id, level };
}
