import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { Database } from '../store/database.ts';
import { findOauthGrant, listOauthGrants, type OauthGrant } from '../store/oauth-grants.ts';
import { findServiceAccount } from '../store/service-accounts.ts';
import { findUser } from '../store/users.ts';
import { idField, principalKindField, timeField } from './field-schemas.ts';
import { requirePowerOver } from './ownership.ts';
import { filteredPage, pageQuery, pageSchema, toPageBody } from './pagination.ts';
import { type AdminRequest, defineRoute, type Route } from './routes.ts';
import { requireSignIn } from './sign-in.ts';

const tag = 'Grants';
const params = z.object({ id: z.string().min(1).max(100) });

const statusField = z.enum(['active', 'expired', 'revoked']);

const GrantSchema = z
  .object({
    id: z.string(),
    client: z.object({ id: z.string(), name: z.string().describe('As the client calls itself.') }),
    principal: z.object({ kind: principalKindField, id: z.string(), name: z.string().nullable() }),
    resource: z.string().describe('The resource that its tokens are for.'),
    scopes: z.array(z.string()),
    status: statusField,
    address: z.string().describe('Where it was given from.'),
    createdAt: timeField,
    lastUsedAt: timeField.nullable(),
    expiresAt: timeField.nullable(),
    revokedAt: timeField.nullable(),
    revokedReason: z.string().nullable(),
  })
  .meta({ id: 'Grant' });

function grantStatusOf({ revokedAt, expiresAt }: OauthGrant, now: number): z.output<typeof statusField> {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'active';
}

function grantView(grant: OauthGrant, name: string | null, now: number): z.input<typeof GrantSchema> {
  const { tenantId: _, payload: __, clientId, clientName, scopes, ...shown } = grant;
  return {
    ...shown,
    principal: { ...grant.principal, name },
    client: { id: clientId, name: clientName },
    scopes: [...scopes],
    status: grantStatusOf(grant, now),
  };
}

/** Null for a principal that is gone. */
async function nameOf(db: Database, { tenantId, principal: { kind, id } }: OauthGrant): Promise<string | null> {
  const find = kind === 'user' ? findUser : findServiceAccount;
  return (await find(db, { tenantId, id }))?.name ?? null;
}

async function viewOf(request: AdminRequest<{ id: string }>): Promise<z.input<typeof GrantSchema>> {
  const grant = await requireGrant(request);
  return grantView(grant, await nameOf(request.context.db, grant), Date.now());
}

async function requireGrant({ context, caller, params: { id } }: AdminRequest<{ id: string }>): Promise<OauthGrant> {
  const grant = await findOauthGrant(context.db, { tenantId: caller.tenantId, id });
  if (grant === null) throw new AppError('not_found', 'There is no such grant.');
  return grant;
}

/** What people allowed OAuth clients: every signed-in agent is one of these. */
export const grantRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/grants',
    tag,
    operationId: 'listGrants',
    summary: 'List grants',
    access: 'admin',
    query: z.strictObject({
      ...pageQuery,
      principal: idField('(?:usr|sva)').optional().describe('Only those of this user or service account, by id.'),
      client: z.string().min(1).max(2000).optional().describe('Only those of this client, by `client_id`.'),
      status: statusField.optional(),
    }),
    answer: { status: 200, description: 'In order of their creation.', schema: pageSchema(GrantSchema) },
    async handle({ context: { db }, caller: { tenantId }, query }) {
      const { principal: principalId, client: clientId, status } = query;
      const now = Date.now();
      const load = (range: { after: string | undefined; limit: number }) =>
        listOauthGrants(db, { tenantId, principalId, clientId, ...range });
      const page = await (status === undefined
        ? load({ after: query.cursor, limit: query.limit })
        : filteredPage(query, load, {
            keep: (grant) => grantStatusOf(grant, now) === status,
            keyOf: (grant) => grant.id,
          }));
      const names = new Map<string, string | null>();
      for (const grant of page.items) {
        const { id } = grant.principal;
        if (!names.has(id)) names.set(id, await nameOf(db, grant));
      }
      return { body: toPageBody(page, (grant) => grantView(grant, names.get(grant.principal.id)!, now)) };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/grants/{id}',
    tag,
    operationId: 'getGrant',
    summary: 'Get a grant',
    access: 'admin',
    params,
    answer: { status: 200, description: 'The grant.', schema: GrantSchema },
    handle: async (request) => ({ body: await viewOf(request) }),
  }),
  defineRoute({
    method: 'POST',
    path: '/grants/{id}/revoke',
    tag,
    operationId: 'revokeGrant',
    summary: 'Revoke a grant for good',
    description:
      'When this returns, its tokens are refused and its open streams have ended. Revoking twice is no error. The client has to ask the person again.',
    access: 'admin',
    params,
    action: 'grant.revoke',
    target: (request) => request.params.id,
    answer: { status: 200, description: 'The revoked grant.', schema: GrantSchema },
    async handle(request) {
      const grant = await requireGrant(request);
      await requirePowerOver(request.context.db, request.caller, grant.principal);
      await requireSignIn(request).revokeGrant(grant.id, `by ${request.caller.principal.id}`);
      return { body: await viewOf(request) };
    },
  }),
];
