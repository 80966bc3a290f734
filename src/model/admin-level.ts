import { ADMIN_ROLES } from './principal.ts';

/** How far somebody may administer. An owner may do what an admin may, and decides who is an owner. */
export type AdminLevel = 'none' | 'admin' | 'owner';

const RANK: Readonly<Record<AdminLevel, number>> = { none: 0, admin: 1, owner: 2 };

/** What these roles amount to. */
export function levelOf(roles: readonly string[]): AdminLevel {
  if (roles.includes('owner')) return 'owner';
  return roles.some((role) => ADMIN_ROLES.has(role)) ? 'admin' : 'none';
}

/** Whether `level` is `wanted` or more. */
export const reaches = (level: AdminLevel, wanted: AdminLevel): boolean => RANK[level] >= RANK[wanted];
