import type { FastifyInstance } from 'fastify';
import type { ConnectOptions } from '../connect/connect-context.ts';
import { createConnectRoutes } from '../connect/create-connect-routes.ts';
import { ADMIN_ROLES, DEFAULT_TENANT } from '../model/principal.ts';
import { mayUseUpstream } from '../policy/may-use-upstream.ts';
import { rolesOfPrincipal } from '../store/role-assignments.ts';
import type { DeclaredState } from './declared-state.ts';

/** The pages where people connect accounts, with what they may connect as their roles are at the moment. */
export function connectPages(
  options: Omit<ConnectOptions, 'upstreams' | 'mayUse' | 'isAdmin'> & { readonly declared: () => DeclaredState },
): (fastify: FastifyInstance) => Promise<void> {
  const { db, declared } = options;
  const tenantId = DEFAULT_TENANT;
  const rolesOf = (id: string): Promise<string[]> => rolesOfPrincipal(db, { tenantId, kind: 'user', id });
  return createConnectRoutes({
    ...options,
    upstreams: () => declared().upstreams,
    mayUse: async (id, { name }) => mayUseUpstream(declared().roles, { roles: await rolesOf(id) }, name),
    isAdmin: async (id) => (await rolesOf(id)).some((role) => ADMIN_ROLES.has(role)),
  });
}
