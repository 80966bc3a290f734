import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import { findOauthClient, listOauthClients, type OauthClient, setOauthClientStatus } from '../store/oauth-clients.ts';
import { etagOf, orStale } from './etag.ts';
import { etagField, timeField } from './field-schemas.ts';
import { pageQuery, pageSchema, toPageBody } from './pagination.ts';
import { type AdminRequest, defineRoute, type Route } from './routes.ts';
import { requireSignIn } from './sign-in.ts';

const tag = 'OAuth clients';
const params = z.object({ id: z.string().min(1).max(2000) });

const sourceField = z
  .enum(['pre_registered', 'dynamic', 'metadata_document'])
  .describe('Declared, registered by itself, or described by a document at its `id`.');
const statusField = z
  .enum(['active', 'pending', 'revoked'])
  .describe('`pending` waits for an approval; neither it nor `revoked` gets anything.');

const OauthClientSchema = z
  .object({
    id: z.string().describe('Its `client_id`.'),
    name: z.string().describe('As it calls itself: not verified.'),
    source: sourceField,
    status: statusField,
    redirectUris: z.array(z.string()),
    authMethod: z.string().describe('How it proves at the token endpoint who it is.'),
    serviceAccountId: z.string().nullable().describe('Whom it acts for in the client credentials grant.'),
    address: z.string().describe('Where it was registered from, or first used from.'),
    createdAt: timeField,
    lastUsedAt: timeField.nullable(),
    etag: etagField,
  })
  .meta({ id: 'OAuthClient' });

function clientView(client: OauthClient): z.input<typeof OauthClientSchema> {
  const { redirect_uris: redirects, token_endpoint_auth_method: method } = client.metadata;
  const { id, name, source, status, serviceAccountId, address, createdAt, lastUsedAt } = client;
  return {
    ...{ id, name, source, status, serviceAccountId, address, createdAt, lastUsedAt },
    redirectUris: Array.isArray(redirects) ? redirects.map(String) : [],
    authMethod: typeof method === 'string' ? method : 'none',
    etag: etagOf(client),
  };
}

const shown = (client: OauthClient) => ({ body: clientView(client), etag: etagOf(client) });

async function requireClient({ context, caller, params: { id } }: AdminRequest<{ id: string }>): Promise<OauthClient> {
  const client = await findOauthClient(context.db, { tenantId: caller.tenantId, id });
  if (client === null) throw new AppError('not_found', 'There is no such client.');
  return client;
}

async function approve(request: AdminRequest<{ id: string }>): Promise<OauthClient> {
  const client = await requireClient(request);
  if (client.status === 'active') return client;
  return orStale(await setOauthClientStatus(request.context.db, client, client.version, 'active', Date.now()));
}

/** Applications that act for people and service accounts. */
export const oauthClientRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/oauth-clients',
    tag,
    operationId: 'listOAuthClients',
    summary: 'List OAuth clients',
    access: 'admin',
    query: z.strictObject({ ...pageQuery, source: sourceField.optional(), status: statusField.optional() }),
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
      const { id } = await requireClient(request);
      await signIn.revokeClient(id);
      return shown(await requireClient(request));
    },
  }),
];
