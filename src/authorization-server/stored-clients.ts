import type { Adapter, AdapterPayload } from 'oidc-provider';
import { sha256Hex } from '../lib/sha256.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { findOauthClient, insertOauthClient, type OauthClient } from '../store/oauth-clients.ts';
import { trail } from './audit-trail.ts';
import { SCOPE_LIMIT } from './clients/declared-clients.ts';
import { createDocumentClients, isDocumentUrl } from './clients/metadata-documents.ts';
import { statusOfNew } from './clients/registration-policy.ts';
import type { ServerContext } from './context.ts';
import { DEVICE_CODE } from './grant-types.ts';
import type { OidcLibrary } from './oidc-library.ts';
import { factsOf } from './request-facts.ts';

const tenantId = DEFAULT_TENANT;

/**
 * Clients of every source. One that is revoked is unknown: the token endpoint then answers 401 `invalid_client`, on which
 * clients that registered themselves do so again.
 */
export function storedClients(context: ServerContext, library: OidcLibrary): Adapter {
  const { db, now } = context;
  const documents = createDocumentClients(context, library);
  const unused = async (): Promise<never> => {
    throw new TypeError('Clients are found by their id.');
  };
  return {
    async find(id) {
      // No id has one, and the store refuses to be asked for it.
      if (id.includes('\0')) return undefined;
      const client = isDocumentUrl(context, id)
        ? await documents.find(id, library.default.ctx?.req ?? null)
        : await findOauthClient(db, { tenantId, id });
      return client === null || client.status === 'revoked' ? undefined : metadataOf(context, client);
    },

    /** A client that has just registered itself. */
    async upsert(id, payload) {
      const request = library.default.ctx!.req;
      const {
        client_secret: secret,
        client_id: _id,
        ...metadata
      } = payload as AdapterPayload & Record<string, unknown>;
      const name = typeof metadata.client_name === 'string' ? metadata.client_name : id;
      const status = statusOfNew(context, (metadata.redirect_uris as string[] | undefined) ?? []);
      const { address } = factsOf(request);
      const secretHash = typeof secret === 'string' ? sha256Hex(secret) : null;
      const client = { tenantId, id, source: 'dynamic', name, status, metadata, address, secretHash } as const;
      await insertOauthClient(db, client, now());
      trail(context, 'client.registered', request, {
        client: { id, name },
        target: id,
        reason: status,
        details: { redirectUris: (metadata.redirect_uris as string[] | undefined) ?? [] },
      });
    },

    destroy: unused,
    findByUid: unused,
    findByUserCode: unused,
    consume: unused,
    revokeByGrantId: unused,
  };
}

/**
 * The library takes the hash for the secret; `compareClientSecret` is replaced to hash what is presented. A client that
 * holds a grant type which is switched off by now must not fail for that.
 */
function metadataOf({ settings }: ServerContext, { id, metadata, secretHash }: OauthClient): AdapterPayload {
  const { [SCOPE_LIMIT]: _, ...described } = metadata;
  const held = metadata.grant_types as readonly string[];
  return {
    ...described,
    grant_types: settings.deviceFlow ? held : held.filter((type) => type !== DEVICE_CODE),
    client_id: id,
    ...(secretHash !== null && { client_secret: secretHash }),
  } as AdapterPayload;
}
