import { closestMatch } from '../lib/closest.ts';
import type { AdminClient } from './admin-client.ts';
import { CliError } from './cli-error.ts';

/** What every named thing of the API has. */
export interface Named {
  readonly id: string;
  readonly name: string;
}

export interface Principal extends Named {
  readonly status: 'active' | 'disabled';
  /** Of a user. */
  readonly displayName?: string;
  /** Of a service account. */
  readonly description?: string;
  readonly createdAt: number;
  readonly etag: string;
}

/** A kind of thing that the API lists by name. */
export interface Collection {
  readonly path: string;
  /** For sentences: `user`. */
  readonly noun: string;
  readonly idPrefix: string;
}

export const USERS: Collection = { path: '/users', noun: 'user', idPrefix: 'usr_' };
export const SERVICE_ACCOUNTS: Collection = { path: '/service-accounts', noun: 'service account', idPrefix: 'sva_' };
export const GROUPS: Collection = { path: '/groups', noun: 'group', idPrefix: 'grp_' };

/** The thing with this name (whatever its case) or id. Throws a CliError that names the nearest one when there is none. */
export async function lookup<T extends Named>(api: AdminClient, collection: Collection, nameOrId: string): Promise<T> {
  const { path, noun, idPrefix } = collection;
  const { items } = await api.get<{ items: T[] }>(path, { name: nameOrId });
  if (items.length > 0) return items[0]!;
  const all = await api.all<T>(path);
  const byId = nameOrId.startsWith(idPrefix) ? all.find(({ id }) => id === nameOrId) : undefined;
  if (byId !== undefined) return byId;
  const meant = closestMatch(
    nameOrId,
    all.map(({ name }) => name),
  );
  const hint = meant === null ? `\`toolgate ${noun.replace(' ', '-')} list\` shows all.` : `Did you mean ${meant}?`;
  throw new CliError(`There is no ${noun} ${nameOrId}. ${hint}`, { data: { code: 'not_found' } });
}

export interface PrincipalOptions {
  readonly user?: string;
  readonly serviceAccount?: string;
}

/** The principal that `--user` or `--service-account` names. Throws unless there is exactly one of them. */
export async function lookupPrincipal(
  api: AdminClient,
  options: PrincipalOptions,
): Promise<Principal & { readonly kind: 'user' | 'service_account' }> {
  const { user, serviceAccount } = onePrincipal(options);
  return user !== undefined
    ? { ...(await lookup<Principal>(api, USERS, user)), kind: 'user' }
    : { ...(await lookup<Principal>(api, SERVICE_ACCOUNTS, serviceAccount!)), kind: 'service_account' };
}

function onePrincipal(options: PrincipalOptions): PrincipalOptions {
  const { user, serviceAccount } = options;
  if ((user === undefined) !== (serviceAccount === undefined)) return options;
  throw new CliError('Say who: --user or --service-account, one of them.', { exitCode: 2 });
}
