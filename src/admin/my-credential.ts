import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import { requireUpstream } from './find-upstream.ts';
import { type AdminRequest, defineRoute, type Route } from './routes.ts';
import {
  CredentialValuesSchema,
  recordedValues,
  removeCredential,
  StoredCredentialSchema,
  storeCredential,
  storedCredential,
} from './stored-credentials.ts';

const tag = 'Upstream credentials';
const params = z.object({ name: z.string().regex(/^[a-z0-9-]{1,32}$/) });

type OwnRequest = Pick<AdminRequest<{ name: string }>, 'context' | 'caller' | 'params'>;

/**
 * Whose credential it is: the caller's. A key that is limited to roles or tools was made for an agent, which must not
 * be able to swap the account that its person's calls go to. To callers of any role an upstream that takes no personal
 * credential is like one that does not exist.
 */
async function ownerOf({ context, caller, params: { name } }: OwnRequest) {
  if (caller.restriction !== undefined) {
    throw new AppError(
      'forbidden',
      'Your key is limited to certain roles or tools, so it does not manage credentials.',
    );
  }
  const absent = new AppError('not_found', `There is no upstream "${name}" that takes a credential of your own.`);
  const upstream = await requireUpstream(context, caller, name).catch((error: unknown) => {
    throw error instanceof AppError && error.code === 'not_found' ? absent : error;
  });
  if (upstream.auth.kind !== 'headers-per-user') throw absent;
  const { kind, id } = caller.principal;
  return { kind, id };
}

/** Everybody's own credentials, whatever their roles. */
export const myCredentialRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/upstreams/{name}/my-credential',
    tag,
    operationId: 'getMyCredential',
    summary: 'What is stored for me for this upstream, without values',
    access: 'anybody',
    params,
    answer: { status: 200, description: 'Names and times.', schema: StoredCredentialSchema },
    handle: async (request) => ({ body: await storedCredential(request, await ownerOf(request)) }),
  }),
  defineRoute({
    method: 'PUT',
    path: '/upstreams/{name}/my-credential',
    tag,
    operationId: 'setMyCredential',
    summary: 'Store my own credential for an upstream with `auth: headers-per-user`',
    description: 'Any role. Not with a key that is limited to roles or tools.',
    access: 'anybody',
    params,
    body: CredentialValuesSchema,
    auditBody: recordedValues,
    action: 'credential.set',
    target: ({ params: { name }, caller }) => `${name}/${caller.principal.id}`,
    answer: { status: 200, description: 'What is stored now.', schema: StoredCredentialSchema },
    handle: async (request) => storeCredential(request, await ownerOf(request)),
  }),
  defineRoute({
    method: 'DELETE',
    path: '/upstreams/{name}/my-credential',
    tag,
    operationId: 'deleteMyCredential',
    summary: 'Remove my own credential for an upstream',
    access: 'anybody',
    params,
    action: 'credential.delete',
    target: ({ params: { name }, caller }) => `${name}/${caller.principal.id}`,
    answer: { status: 204, description: 'Nothing of mine is stored.' },
    handle: async (request) => removeCredential(request, await ownerOf(request)),
  }),
];
