import type { Config } from '../config/config.ts';
import { AppError } from '../errors/app-error.ts';
import { ADMIN_ROLES, DEFAULT_TENANT } from '../model/principal.ts';
import type { Role } from '../model/role.ts';
import type { Upstream } from '../model/upstream.ts';
import { validateRoles } from '../policy/validate-roles.ts';
import { allRoles } from '../store/roles.ts';
import type { Database } from '../store/tables.ts';
import { allUpstreams } from '../store/upstreams.ts';

/** What is declared, in the configuration file and over the API together. */
export interface DeclaredState {
  readonly upstreams: readonly Upstream[];
  readonly roles: readonly Role[];
}

/** Throws `conflict` when the same name is declared in the file and over the API: neither may silently win. */
export async function readDeclaredState(db: Database, config: Config): Promise<DeclaredState> {
  const stored = await allUpstreams(db, DEFAULT_TENANT);
  const fileRoles = validateRoles(config.roles);
  const upstreams = [
    ...config.upstreams,
    ...stored.map(({ name, enabled, config: rest }) => toUpstream(name, enabled, rest)),
  ];
  const roles = [...fileRoles, ...(await allRoles(db, DEFAULT_TENANT))];
  refuseTwins('upstream', upstreams);
  refuseTwins('role', roles);
  const reserved = roles.find(({ name }) => ADMIN_ROLES.has(name));
  if (reserved !== undefined)
    throw new AppError('conflict', `The role name ${reserved.name} is built in; choose another.`);
  return { upstreams, roles };
}

function toUpstream(name: string, enabled: boolean, config: unknown): Upstream {
  // Validated by the API before it was stored.
  return { ...(config as Omit<Upstream, 'name' | 'enabled' | 'source'>), name, enabled, source: 'api' } as Upstream;
}

function refuseTwins(what: string, named: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of named) {
    if (seen.has(name)) {
      throw new AppError(
        'conflict',
        `The ${what} ${name} is declared in the configuration file and over the API; rename or remove one.`,
      );
    }
    seen.add(name);
  }
}
