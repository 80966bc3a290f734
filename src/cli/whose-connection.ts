import type { AdminClient } from './admin-client.ts';
import { CliError } from './cli-error.ts';
import { lookupPrincipal, type PrincipalOptions } from './lookup.ts';

/** Whose connection. None of them: the shared one where there is one, else the caller's own. */
export interface WhoseOptions extends PrincipalOptions {
  readonly shared?: true;
  readonly mine?: true;
}

/** How the API and sentences name a connection. */
export interface Whose {
  /** Of the API. */
  readonly path: string;
  /** For `GET /connections`. */
  readonly query: Readonly<Record<string, string>>;
  /** `the connection that everybody shares`, and so on. */
  readonly phrase: string;
}

export async function whoseConnection(api: AdminClient, upstream: string, options: WhoseOptions): Promise<Whose> {
  const { shared, mine, user, serviceAccount } = options;
  if ([shared, mine, user, serviceAccount].filter((one) => one !== undefined).length > 1) {
    throw new CliError('Give at most one of --shared, --mine, --user and --service-account.', { exitCode: 2 });
  }
  const base = `/upstreams/${encodeURIComponent(upstream)}`;
  if (user !== undefined || serviceAccount !== undefined) {
    const { kind, id, name } = await lookupPrincipal(api, options);
    return {
      path: `${base}/connections/${kind}/${id}`,
      query: { upstream, principal: id },
      phrase: `the connection of ${name}`,
    };
  }
  if (shared || (!mine && (await isShared(api, base)))) {
    return {
      path: `${base}/connection`,
      query: { upstream, shared: 'true' },
      phrase: 'the connection that everybody shares',
    };
  }
  return { path: `${base}/my-connection`, query: { upstream, mine: 'true' }, phrase: 'your connection' };
}

/** False also for who may not look at it: they can only have one of their own. */
async function isShared(api: AdminClient, base: string): Promise<boolean> {
  try {
    const { auth } = await api.get<{ auth: { kind: string } }>(base);
    return auth.kind === 'oauth-shared';
  } catch (error) {
    if (error instanceof CliError && error.data.code === 'admin_required') return false;
    throw error;
  }
}
