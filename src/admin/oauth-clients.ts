import * as z from 'zod';
import { listOauthClients, type OauthClient, setOauthClientStatus } from '../store/oauth-clients.ts';
import { declaredClientRoutes } from './declared-clients.ts';
import { etagOf, orStale } from './etag.ts';
import { clientSourceField, clientStatusField, clientView, OauthClientSchema } from './oauth-client-view.ts';
import { pageQuery, pageSchema, toPageBody } from './pagination.ts';
import { requireClient, requirePowerOverClient } from './require-client.ts';
import { type AdminRequest, defineRoute, type Route } from './routes.ts';
import { requireSignIn } from './sign-in.ts';

const tag = 'OAuth clients';
const params = z.object({ id: z.string().min(1).max(2000) });

const shown = (client: OauthClient) => ({ body: clientView(client), etag: etagOf(client) });

async function approve(request: AdminRequest<{ id: string }>): Promise<OauthClient> {
  const client = await requireClient(request);
  await requirePowerOverClient(request, client);
  if (client.status === 'active') return client;
  return orStale(await setOauthClientStatus(request.context.db, client, client.version, 'active', Date.now()));
}

/** Applications that act for people and service accounts. */
export const oauthClientRoutes: readonly Route[] = [
  ...declaredClientRoutes,
  defineRoute({
    method: 'GET',
    path: '/oauth-clients',
    tag,
    operationId: 'listOAuthClients',
    summary: 'List OAuth clients',
    access: 'admin',
    query: z.strictObject({ ...pageQuery, source: clientSourceField.optional(), status: clientStatusField.optional() }),
    answer: { status: 200, description: 'In order of their id.', schema: pageSchema(OauthClientSchema) },
    async handle({ context: { db }, caller: { tenantId }, query: { cursor, ...filter } }) {
      const page = await listOauthClients(db, { tenantId, after: cursor, ...filter });
      return { body: toPageBody(page, clientView) };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/oauth-clients/{id}',
    tag,
    operationId: 'getOAuthClient',
    summary: 'Get an OAuth client',
    access: 'admin',
    params,
    answer: { status: 200, description: 'The client.', schema: OauthClientSchema, etag: true },
    handle: async (request) => shown(await requireClient(request)),
  }),
  defineRoute({
    method: 'POST',
    path: '/oauth-clients/{id}/approve',
    tag,
    operationId: 'approveOAuthClient',
    summary: 'Let an OAuth client in that is pending or was revoked',
    access: 'admin',
    params,
    action: 'client.approve',
    target: (request) => request.params.id,
    answer: { status: 200, description: 'The client, active.', schema: OauthClientSchema, etag: true },
    async handle(request) {
      requireSignIn(request);
      return shown(await approve(request));
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/oauth-clients/{id}/revoke',
    tag,
    operationId: 'revokeOAuthClient',
    summary: 'Shut an OAuth client out',
    description:
      'When this returns, none of its tokens is accepted and what it had open has ended. It can be approved again; people are then asked anew. A client that registers itself can come back under another id: to keep such clients out, change `oauth.clients.registration`.',
    access: 'admin',
    params,
    action: 'client.revoke',
    target: (request) => request.params.id,
    answer: { status: 200, description: 'The client, revoked.', schema: OauthClientSchema, etag: true },
    async handle(request) {
      const signIn = requireSignIn(request);
      const client = await requireClient(request);
      await requirePowerOverClient(request, client);
      await signIn.revokeClient(client.id);
      return shown(await requireClient(request));
    },
  }),
];
