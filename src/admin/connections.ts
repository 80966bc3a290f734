import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { Caller } from '../model/principal.ts';
import { findServiceAccount } from '../store/service-accounts.ts';
import { findUser } from '../store/users.ts';
import type { ConnectionOwner } from '../upstreams/oauth/connections.ts';
import { SHARED } from '../vault/vault.ts';
import { adminLevel } from './authorize.ts';
import { ConnectionSchema, connectionView } from './connection-view.ts';
import { flagQuery, principalKindField } from './field-schemas.ts';
import { requireUpstream } from './find-upstream.ts';
import { pageQuery, pageSchema, toPageBody } from './pagination.ts';
import { type AdminRequest, defineRoute, type Route } from './routes.ts';

const tag = 'Connections';
const upstreamName = z.string().regex(/^[a-z0-9-]{1,32}$/);
const principalId = z.string().regex(/^(?:usr|sva)_[0-9a-z]{26}$/, 'This is not an id of a user or service account.');

type OwnerOf = (request: Pick<AdminRequest, 'context' | 'caller' | 'params'>) => Promise<ConnectionOwner>;

/** One set of routes for each way to say whose connection is meant. */
interface Whose {
  readonly path: `/upstreams/{name}/${string}`;
  /** For operation ids: `getMyConnection`. */
  readonly id: string;
  /** For summaries: `my connection`. */
  readonly noun: string;
  readonly access: 'admin' | 'anybody';
  readonly params: z.ZodType<{ name: string }>;
  readonly ownerOf: OwnerOf;
  readonly kind: 'oauth-shared' | 'oauth-per-user';
}

/**
 * The caller's own. A key that is limited to roles or tools was made for an agent, which must not be able to part its
 * person from an account, or to look at all of them.
 */
function ownConnection(caller: Caller): ConnectionOwner {
  if (caller.restriction !== undefined) {
    throw new AppError(
      'forbidden',
      'Your key is limited to certain roles or tools, so it does not manage connections.',
    );
  }
  const { kind, id } = caller.principal;
  return { kind, id };
}

const MINE: Whose = {
  path: '/upstreams/{name}/my-connection',
  id: 'MyConnection',
  noun: 'my own connection',
  access: 'anybody',
  params: z.object({ name: upstreamName }),
  ownerOf: async ({ caller }) => ownConnection(caller),
  kind: 'oauth-per-user',
};

const SHARED_ONE: Whose = {
  path: '/upstreams/{name}/connection',
  id: 'SharedConnection',
  noun: 'the connection that everybody shares',
  access: 'admin',
  params: z.object({ name: upstreamName }),
  ownerOf: async () => SHARED,
  kind: 'oauth-shared',
};

const OF_PRINCIPAL: Whose = {
  path: '/upstreams/{name}/connections/{principalKind}/{principalId}',
  id: 'PrincipalConnection',
  noun: 'the connection of a user or service account',
  access: 'admin',
  params: z.object({ name: upstreamName, principalKind: principalKindField, principalId }),
  async ownerOf({ context: { db }, caller: { tenantId }, params }) {
    const { principalKind: kind, principalId: id } = params as {
      principalKind: 'user' | 'service_account';
      principalId: string;
    };
    const found = await (kind === 'user' ? findUser(db, { tenantId, id }) : findServiceAccount(db, { tenantId, id }));
    if (!found) throw new AppError('not_found', `There is no such ${kind.replace('_', ' ')}.`);
    return { kind, id };
  },
  kind: 'oauth-per-user',
};

/** Throws `not_found` or `conflict` where nothing of this kind can be connected. */
async function requireConnectable(
  { context, caller, params }: AdminRequest<{ name: string }>,
  { kind, access }: Whose,
): Promise<void> {
  const absent = new AppError('not_found', `There is no upstream "${params.name}" that you connect yourself.`);
  const upstream = await requireUpstream(context, caller, params.name).catch((error: unknown) => {
    throw access === 'anybody' && error instanceof AppError && error.code === 'not_found' ? absent : error;
  });
  if (upstream.auth.kind === kind) return;
  // To callers of any role it is like one that does not exist.
  if (access === 'anybody') throw absent;
  const { name, auth } = upstream;
  throw new AppError('conflict', `"${name}" has no such connection; its \`auth\` is \`${auth.kind}\`.`);
}

const notConnected = (): AppError => new AppError('not_found', 'There is no such connection.');

function routesOf(whose: Whose): readonly Route[] {
  const { path, id, noun, access, params, ownerOf } = whose;
  const target = (request: AdminRequest<{ name: string }>): string => request.params.name;
  return [
    defineRoute({
      method: 'DELETE',
      path,
      tag,
      operationId: `end${id}`,
      summary: `End ${noun} to an upstream`,
      description:
        'The tokens are forgotten at once, and revoked at the provider; that is tried again until it is done. Also where the upstream is switched off or declared in another way by now.',
      access,
      params,
      action: 'connection.disconnect',
      target,
      answer: { status: 204, description: 'There is no such connection any more.' },
      async handle(request) {
        const { kind, id: by, name } = request.caller.principal;
        const { connections } = request.context;
        const owner = await ownerOf(request);
        if (!(await connections.disconnect(request.params.name, owner, { kind, id: by, name }))) throw notConnected();
        return {};
      },
    }),
    defineRoute({
      method: 'POST',
      path: `${path}/refresh`,
      tag,
      operationId: `refresh${id}`,
      summary: `Get a new token for ${noun} now`,
      access,
      params,
      action: 'connection.refresh',
      target,
      answer: { status: 200, description: 'The connection, with its new expiry.', schema: ConnectionSchema },
      async handle(request) {
        const { connections } = request.context;
        const { name: upstream } = request.params;
        const owner = await ownerOf(request);
        const find = async () => (await connections.list({ owner, upstream, limit: 1 })).items[0];
        if ((await find()) === undefined) throw notConnected();
        await connections.refresh(upstream, owner);
        const refreshed = await find();
        if (refreshed === undefined) throw notConnected();
        return { body: connectionView(refreshed) };
      },
    }),
    defineRoute({
      method: 'POST',
      path: `${path}/link`,
      tag,
      operationId: `link${id}`,
      summary: `Where ${noun} is made, in a browser`,
      description: 'The page asks whoever opens it to sign in, and lets nobody go on but the person that it is for.',
      access,
      params,
      answer: { status: 200, description: 'The link.', schema: ConnectLinkSchema },
      async handle(request) {
        await requireConnectable(request, whose);
        return { body: { url: linkFor(request.context, request.params.name, await ownerOf(request)) } };
      },
    }),
  ];
}

const ConnectLinkSchema = z
  .object({ url: z.string().describe('Opens nothing by itself; of a user, it works for them alone, for a day.') })
  .meta({ id: 'ConnectLink' });

/** Nobody signs in as a service account: its connection, like the shared one, is made by an administrator. */
function linkFor(
  { connections, publicUrl }: AdminRequest['context'],
  upstream: string,
  owner: ConnectionOwner,
): string {
  if (owner.kind === 'user') return connections.linkFor(upstream, { id: owner.id }).url;
  return `${publicUrl}/connect/${upstream}?as=${owner.kind === 'shared' ? 'shared' : owner.id}`;
}

/** What is connected to upstreams with OAuth. */
export const connectionRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/connections',
    tag,
    operationId: 'listConnections',
    summary: 'List connections to upstreams',
    description: 'An owner or administrator sees all, everybody else their own.',
    access: 'anybody',
    query: z.strictObject({
      ...pageQuery,
      upstream: upstreamName.optional(),
      principal: principalId.optional().describe('Only those of this user or service account.'),
      shared: flagQuery.optional().describe('`true`: only those that everybody shares.'),
      mine: flagQuery.optional().describe('`true`: only my own.'),
    }),
    answer: { status: 200, description: 'In order of their id, without tokens.', schema: pageSchema(ConnectionSchema) },
    async handle({ context, caller, query: { cursor, limit, upstream, principal, shared, mine } }) {
      const owners = [principal, shared === 'true' || undefined, mine === 'true' || undefined];
      if (owners.filter((one) => one !== undefined).length > 1) {
        throw new AppError('bad_request', 'Give at most one of `principal`, `shared` and `mine`.');
      }
      const isAdmin = adminLevel(caller) !== 'none';
      if (!isAdmin && (principal !== undefined || shared === 'true')) throw new AppError('admin_required');
      const owner = ownerAsked();
      const page = await context.connections.list({ owner, upstream, after: cursor, limit });
      return { body: toPageBody(page, connectionView) };

      function ownerAsked(): ConnectionOwner | undefined {
        if (!isAdmin || mine === 'true') return ownConnection(caller);
        if (shared === 'true') return SHARED;
        if (principal === undefined) return undefined;
        return { kind: principal.startsWith('usr_') ? 'user' : 'service_account', id: principal };
      }
    },
  }),
  ...[MINE, SHARED_ONE, OF_PRINCIPAL].flatMap(routesOf),
];
