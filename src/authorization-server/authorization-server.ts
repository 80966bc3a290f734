import type { FastifyInstance } from 'fastify';
import type { OauthSettings } from '../config/oauth-schema.ts';
import { safeFetch } from '../lib/safe-fetch.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { deleteConsents } from '../store/consents.ts';
import type { Database } from '../store/database.ts';
import { findOauthClient, setOauthClientStatus } from '../store/oauth-clients.ts';
import { findOauthGrant, revokeOauthGrantsOf } from '../store/oauth-grants.ts';
import { buildProvider } from './build-provider.ts';
import { type AddedClient, addClient, type NewClient } from './clients/add-client.ts';
import { storePreRegisteredClients } from './clients/pre-registered-clients.ts';
import type { AuthorizationServerOptions, ServerContext } from './context.ts';
import { createDevicePages } from './interactions/device.ts';
import { oauthRoutes, type Serving } from './oauth-routes.ts';
import { loadOidcLibrary } from './oidc-library.ts';
import { revokeGrant } from './revoke-grant.ts';
import { loadServerSecrets } from './server-secrets.ts';
import { sweep } from './sweep.ts';

const tenantId = DEFAULT_TENANT;

/** The embedded OAuth 2.1 authorization server. */
export interface AuthorizationServer {
  /** Its endpoints and pages, as a Fastify plugin. */
  readonly routes: (fastify: FastifyInstance) => Promise<void>;
  /** Ends a grant with its tokens; the client has to ask the person again. False when there is none in force. */
  revokeGrant(grantId: string, reason: string): Promise<boolean>;
  /** Ends a client with its grants, and forgets what people allowed it. False when there is no such client. */
  revokeClient(clientId: string, reason: string): Promise<boolean>;
  /** Adds a client over the API; `db` may be a transaction. */
  addClient(db: Database, client: NewClient): Promise<AddedClient>;
  /** Serves with other settings from now on; `issuerPath` and `enabled` need a restart. */
  reload(settings: OauthSettings): Promise<void>;
  /** Removes what is over; call it every few minutes. */
  sweep(): Promise<void>;
  close(): void;
}

/** Writes the configured clients to the store. The library itself is loaded by the first request: 12 MB, 30 ms. */
export async function createAuthorizationServer(options: AuthorizationServerOptions): Promise<AuthorizationServer> {
  const { db, settings, publicUrl, now = Date.now, fetch = safeFetch } = options;
  let context: ServerContext = {
    ...options,
    fetch,
    now,
    secrets: await loadServerSecrets(options.vault),
    issuer: () => publicUrl() + settings.issuerPath,
  };
  await storePreRegisteredClients(context);
  let serving: Promise<Serving> | null = null;

  async function build(): Promise<Serving> {
    const built = context;
    const provider = await buildProvider(built, await loadOidcLibrary());
    return { context: built, provider, devicePages: createDevicePages(built, provider) };
  }

  /** What is not loaded yet is loaded anew when somebody asks for it again. */
  function current(): Promise<Serving> {
    if (serving === null) {
      const building = build();
      serving = building;
      building.catch(() => {
        if (serving === building) serving = null;
      });
    }
    return serving;
  }

  /** Requests that are under way are finished by what they began with. */
  async function replace(): Promise<void> {
    if (serving === null) return;
    const next = await build();
    serving = Promise.resolve(next);
  }

  /** A document that is fetched anew at this moment must not undo it. */
  async function markRevoked(id: string): Promise<boolean> {
    for (;;) {
      const client = await findOauthClient(db, { tenantId, id });
      if (client === null) return false;
      if (client.status === 'revoked') return true;
      if (await setOauthClientStatus(db, { tenantId, id }, client.version, 'revoked', now())) return true;
    }
  }

  const stopListening = options.signingKeys.onRotated(() => {
    replace().catch((error: unknown) => options.log.error({ err: error }, 'the new signing key is not used yet'));
  });

  return {
    routes: oauthRoutes(settings.issuerPath, current),
    async revokeGrant(grantId, reason) {
      const grant = await findOauthGrant(db, { tenantId, id: grantId });
      // Before the grant ends: a consent that is remembered would give the client the next one without a question.
      if (grant !== null) await deleteConsents(db, { tenantId, userId: grant.principal.id, clientId: grant.clientId });
      return revokeGrant(context, grantId, reason);
    },
    async revokeClient(clientId, reason) {
      if (!(await markRevoked(clientId))) return false;
      await deleteConsents(db, { tenantId, clientId });
      for (const id of await revokeOauthGrantsOf(db, { tenantId, clientId }, reason, now())) {
        await revokeGrant(context, id, reason);
      }
      return true;
    },
    addClient: (trx, client) => addClient(trx, client, now()),
    async reload(next) {
      context = { ...context, settings: { ...next, issuerPath: settings.issuerPath } };
      await storePreRegisteredClients(context);
      await replace();
    },
    sweep: () => sweep(context),
    close() {
      stopListening();
    },
  };
}
