import type { PreRegisteredClient } from '../../config/declared-client-schema.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { deleteOauthClient, listOauthClients, type NewOauthClient, putOauthClient } from '../../store/oauth-clients.ts';
import { findServiceAccountByName } from '../../store/service-accounts.ts';
import type { ServerContext } from '../context.ts';
import { declaredMetadata } from './declared-clients.ts';

const tenantId = DEFAULT_TENANT;

/**
 * Writes the clients of the configuration to the store, where all clients are found and listed, and takes away what is
 * not configured any more. A service account that does not exist yet is looked for again at the next start or reload.
 */
export async function storePreRegisteredClients(context: ServerContext): Promise<void> {
  const { db, now, settings, log } = context;
  for (const client of settings.preRegistered) {
    const account =
      client.serviceAccount === undefined
        ? null
        : await findServiceAccountByName(db, { tenantId, name: client.serviceAccount });
    if (client.serviceAccount !== undefined && account === null) {
      log.warn({ client: client.id, serviceAccount: client.serviceAccount }, 'the client has no such service account');
    }
    await putOauthClient(db, await describe(context, client, account?.id ?? null), now());
  }
  const configured = new Set(settings.preRegistered.map(({ id }) => id));
  for (let after: string | null = null; ; ) {
    const page = await listOauthClients(db, { tenantId, source: 'pre_registered', after, limit: 100 });
    for (const { id } of page.items) if (!configured.has(id)) await deleteOauthClient(db, { tenantId, id });
    after = page.next;
    if (after === null) return;
  }
}

async function describe(
  { secretOf }: ServerContext,
  client: PreRegisteredClient,
  serviceAccountId: string | null,
): Promise<NewOauthClient> {
  return {
    tenantId,
    id: client.id,
    source: 'pre_registered',
    name: client.name,
    status: 'active',
    metadata: declaredMetadata(client, client.serviceAccount !== undefined),
    address: '',
    secretHash: client.secret === undefined ? null : sha256Hex((await secretOf(client.secret)).reveal()),
    serviceAccountId,
  };
}
