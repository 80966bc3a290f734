import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { PrincipalKind } from '../model/principal.ts';
import { listSecrets, type SecretRef } from '../store/secrets.ts';
import { findServiceAccount } from '../store/service-accounts.ts';
import { findUser } from '../store/users.ts';
import { SHARED } from '../vault/vault.ts';
import { isGatewaysOwn } from './credential-entries.ts';
import { principalKindField } from './field-schemas.ts';
import { requireUpstream } from './find-upstream.ts';
import { filteredPage, pageQuery, pageSchema, toPageBody } from './pagination.ts';
import { type AdminRequest, defineRoute, type Route } from './routes.ts';
import {
  CredentialValuesSchema,
  recordedValues,
  removeCredential,
  SharedCredentialSchema,
  StoredCredentialSchema,
  StoredValueSchema,
  storeCredential,
  storedValueView,
  storeSharedCredential,
} from './stored-credentials.ts';

const tag = 'Upstream credentials';
const name = z.string().regex(/^[a-z0-9-]{1,32}$/);
const params = z.object({ name });
const ownerParams = z.object({
  name,
  principalKind: principalKindField,
  principalId: z.string().regex(/^(?:usr|sva)_[0-9a-z]{26}$/),
});

async function requirePrincipal(
  { context: { db }, caller: { tenantId } }: Pick<AdminRequest, 'context' | 'caller'>,
  { principalKind: kind, principalId: id }: { principalKind: PrincipalKind; principalId: string },
): Promise<SecretRef['owner']> {
  const found = await (kind === 'user' ? findUser(db, { tenantId, id }) : findServiceAccount(db, { tenantId, id }));
  if (!found) throw new AppError('not_found', `There is no such ${kind.replace('_', ' ')}.`);
  return { kind, id };
}

const sharedRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/upstreams/{name}/credentials',
    tag,
    operationId: 'listUpstreamCredentials',
    summary: 'List what is stored for an upstream, without values',
    access: 'admin',
    params,
    query: z.strictObject(pageQuery),
    answer: { status: 200, description: 'Of everybody.', schema: pageSchema(StoredValueSchema) },
    async handle({ context, caller, params, query }) {
      const { name: upstream } = await requireUpstream(context, caller, params.name);
      const { tenantId } = caller;
      const page = await filteredPage(query, (range) => listSecrets(context.db, { tenantId, upstream, ...range }), {
        keep: ({ name }) => !isGatewaysOwn(name),
        keyOf: ({ id }) => id,
      });
      return { body: toPageBody(page, storedValueView) };
    },
  }),
  defineRoute({
    method: 'PUT',
    path: '/upstreams/{name}/credential',
    tag,
    operationId: 'setUpstreamCredential',
    summary: 'Store the shared credential of an upstream',
    description:
      'Header values of an upstream with `auth: headers`, the secret of the client of one with OAuth; for an upstream of the configuration file the entries that its `${vault:NAME}` references name; others are stored, too, and named in `unused`. Encrypted at once and never shown again.',
    access: 'admin',
    params,
    body: CredentialValuesSchema,
    auditBody: recordedValues,
    action: 'credential.set',
    target: (request) => request.params.name,
    answer: { status: 200, description: 'What is stored now.', schema: SharedCredentialSchema },
    handle: storeSharedCredential,
  }),
  defineRoute({
    method: 'DELETE',
    path: '/upstreams/{name}/credential',
    tag,
    operationId: 'deleteUpstreamCredential',
    summary: 'Remove the shared credential of an upstream',
    access: 'admin',
    params,
    action: 'credential.delete',
    target: (request) => request.params.name,
    answer: { status: 204, description: 'Nothing shared is stored.' },
    handle: (request) => removeCredential(request, SHARED),
  }),
];

const personalRoutes: readonly Route[] = [
  defineRoute({
    method: 'PUT',
    path: '/upstreams/{name}/credentials/{principalKind}/{principalId}',
    tag,
    operationId: 'setPrincipalCredential',
    summary: 'Store the credential of a user or service account for an upstream',
    access: 'admin',
    params: ownerParams,
    body: CredentialValuesSchema,
    auditBody: recordedValues,
    action: 'credential.set',
    target: (request) => `${request.params.name}/${request.params.principalId}`,
    answer: { status: 200, description: 'What is stored now.', schema: StoredCredentialSchema },
    handle: async (request) => storeCredential(request, await requirePrincipal(request, request.params)),
  }),
  defineRoute({
    method: 'DELETE',
    path: '/upstreams/{name}/credentials/{principalKind}/{principalId}',
    tag,
    operationId: 'deletePrincipalCredential',
    summary: 'Remove the credential of a user or service account for an upstream',
    access: 'admin',
    params: ownerParams,
    action: 'credential.delete',
    target: (request) => `${request.params.name}/${request.params.principalId}`,
    answer: { status: 204, description: 'Nothing of theirs is stored.' },
    handle: async (request) => removeCredential(request, await requirePrincipal(request, request.params)),
  }),
];

/** The credentials that upstreams are sent, shared ones and those of single principals, as administrators see them. */
export const upstreamCredentialRoutes: readonly Route[] = [...sharedRoutes, ...personalRoutes];
