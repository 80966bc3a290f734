import type { PreRegisteredClient } from '../../config/oauth-schema.ts';
import { isLoopbackHost } from '../../lib/loopback.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { deleteOauthClient, listOauthClients, type NewOauthClient, putOauthClient } from '../../store/oauth-clients.ts';
import { findServiceAccountByName } from '../../store/service-accounts.ts';
import type { ServerContext } from '../context.ts';
import { DEVICE_CODE, JWT_BEARER } from '../grant-types.ts';

const tenantId = DEFAULT_TENANT;

export const findPreRegistered = ({ settings }: Pick<ServerContext, 'settings'>, id: string) =>
  settings.preRegistered.find((client) => client.id === id);

/** All scopes that a configured client may ever get. Empty: no such limit. */
export const preRegisteredScopes = (context: Pick<ServerContext, 'settings'>, id: string): readonly string[] =>
  findPreRegistered(context, id)?.scopes ?? [];

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
  { secretOf, settings }: ServerContext,
  client: PreRegisteredClient,
  serviceAccountId: string | null,
): Promise<NewOauthClient> {
  const { id, name, redirectUris, authMethod } = client;
  const isPublic = authMethod === 'none';
  const interactive = redirectUris.length > 0;
  return {
    tenantId,
    id,
    source: 'pre_registered',
    name,
    status: 'active',
    metadata: {
      client_name: name,
      redirect_uris: redirectUris,
      application_type: redirectUris.some(isOwnDevice) ? 'native' : 'web',
      response_types: interactive ? ['code'] : [],
      grant_types: [
        ...(interactive ? ['authorization_code', 'refresh_token'] : []),
        ...(interactive && settings.deviceFlow ? [DEVICE_CODE] : []),
        ...(!isPublic && client.serviceAccount !== undefined ? ['client_credentials'] : []),
        JWT_BEARER,
      ],
      token_endpoint_auth_method: authMethod,
      ...(client.jwks !== undefined && { jwks: client.jwks }),
      ...(client.jwksUri !== undefined && { jwks_uri: client.jwksUri }),
    },
    address: '',
    secretHash: client.secret === undefined ? null : sha256Hex((await secretOf(client.secret)).reveal()),
    serviceAccountId,
  };
}

function isOwnDevice(uri: string): boolean {
  const url = new URL(uri);
  return url.protocol !== 'https:' || isLoopbackHost(url.hostname);
}
