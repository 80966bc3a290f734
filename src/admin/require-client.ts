import { AppError } from '../errors/app-error.ts';
import { findOauthClient, type OauthClient } from '../store/oauth-clients.ts';
import { requirePowerOver } from './ownership.ts';
import type { AdminRequest } from './routes.ts';

/** Throws `not_found`. */
export async function requireClient({
  context,
  caller,
  params: { id },
}: AdminRequest<{ id: string }>): Promise<OauthClient> {
  const client = await findOauthClient(context.db, { tenantId: caller.tenantId, id });
  if (client === null) throw new AppError('not_found', 'There is no such client.');
  return client;
}

/** Throws `owner_required` for a client that acts for a service account of an owner, unless the caller is one. */
export async function requirePowerOverClient(
  { context, caller }: Pick<AdminRequest, 'context' | 'caller'>,
  { serviceAccountId }: OauthClient,
): Promise<void> {
  if (serviceAccountId === null) return;
  await requirePowerOver(context.db, caller, { kind: 'service_account', id: serviceAccountId });
}
