import type { BrowserSession } from '../identity/browser-sessions.ts';
import { isOauth, type Upstream } from '../model/upstream.ts';
import type { ConnectionOwner, ConnectionView } from '../upstreams/oauth/connections.ts';
import { SHARED } from '../vault/vault.ts';
import { agentName } from './agent-name.ts';
import { ownOf } from './asked-connection.ts';
import { type ConnectContext, connectPath } from './connect-context.ts';
import type { ServiceView, ShownConnection } from './pages/my-connections-page.ts';
import { scopeLines } from './scope-words.ts';

/** Nobody has more; the broker gives out pages. */
const PAGE = 500;

/** All connections of an owner, by upstream. */
export async function connectionsOf(
  { connections }: Pick<ConnectContext, 'connections'>,
  owner: ConnectionOwner,
): Promise<Map<string, ConnectionView>> {
  const found = new Map<string, ConnectionView>();
  let after: string | null = null;
  do {
    const page = await connections.list({ owner, limit: PAGE, after });
    for (const one of page.items) found.set(one.upstream, one);
    after = page.next;
  } while (after !== null);
  return found;
}

/** Works as far as anybody can tell: there is nothing for a person to do. */
export const isWell = (connection: ConnectionView | null): boolean =>
  connection?.state === 'connected' || connection?.state === 'failing';

/** Whether connecting is what helps: not where the provider changed, which an administrator has to look at. */
const waits = (connection: ConnectionView | null): boolean =>
  !isWell(connection) && connection?.state !== 'changed_issuer';

/** The upstreams at which this person can have an account of their own, by name. */
async function personalUpstreams(context: ConnectContext, person: BrowserSession): Promise<Upstream[]> {
  const found: Upstream[] = [];
  for (const upstream of context.upstreams()) {
    if (!upstream.enabled || upstream.auth.kind !== 'oauth-per-user') continue;
    if (await context.mayUse(person.userId, upstream)) found.push(upstream);
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What still waits for this person to connect it, by name; only what comes behind `after`. */
export async function waitingFor(context: ConnectContext, person: BrowserSession, after = ''): Promise<string[]> {
  const mine = await connectionsOf(context, ownOf(person));
  const upstreams = await personalUpstreams(context, person);
  return upstreams.map(({ name }) => name).filter((name) => name > after && waits(mine.get(name) ?? null));
}

/** Their own services, and connections of theirs to what they may not use any more, or what is gone. */
export async function ownServices(context: ConnectContext, person: BrowserSession): Promise<ServiceView[]> {
  const mine = await connectionsOf(context, ownOf(person));
  const open = await personalUpstreams(context, person);
  const names = new Set([...open.map(({ name }) => name), ...mine.keys()]);
  const views = [...names].sort().map(async (name) => {
    const upstream = open.find((one) => one.name === name);
    return serviceView(context, { name, upstream, connection: mine.get(name) ?? null });
  });
  return Promise.all(views);
}

/** What everybody shares. */
export async function sharedServices(context: ConnectContext): Promise<ServiceView[]> {
  const shared = await connectionsOf(context, SHARED);
  const upstreams = context.upstreams().filter(({ auth, enabled }) => enabled && auth.kind === 'oauth-shared');
  const views = upstreams
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((upstream) =>
      serviceView(context, {
        name: upstream.name,
        upstream,
        connection: shared.get(upstream.name) ?? null,
        as: 'shared',
      }),
    );
  return Promise.all(views);
}

async function serviceView(
  context: ConnectContext,
  found: {
    name: string;
    upstream: Upstream | undefined;
    connection: ConnectionView | null;
    as?: string;
  },
): Promise<ServiceView> {
  const { name, upstream, connection, as } = found;
  const href = as === undefined ? connectPath(name) : `${connectPath(name)}?as=${as}`;
  return {
    upstream: name,
    connection: connection === null ? null : await shownConnection(context, upstream, connection),
    connectHref: upstream === undefined ? null : href,
    disconnectAction: `${connectPath(name)}/disconnect`,
    as,
  };
}

async function shownConnection(
  { db, tenantId }: ConnectContext,
  upstream: Upstream | undefined,
  connection: ConnectionView,
): Promise<ShownConnection> {
  const { state, account, issuer, connectedAt, expiresAt, refreshExpiresAt, lastUsedAt, lastUsedBy } = connection;
  const preset = upstream !== undefined && isOauth(upstream.auth) ? upstream.auth.oauth.preset : null;
  return {
    ...{ state, account, connectedAt, expiresAt, refreshExpiresAt, lastUsedAt },
    host: hostOf(issuer),
    scopes: scopeLines(connection.scopes, preset),
    lastUsedBy: lastUsedBy === null ? null : await agentName(db, { tenantId, id: lastUsedBy }),
    nextAction: connection.nextAction,
  };
}

/** Of an issuer or URL; what is none is shown as it is. */
export const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);
