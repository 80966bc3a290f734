import { sha256Hex } from '../../lib/sha256.ts';
import type { SecretRef } from '../../store/secrets.ts';
import {
  deleteUpstreamClient,
  insertUpstreamClient,
  listUpstreamClients,
  type UpstreamClient,
} from '../../store/upstream-clients.ts';
import { SHARED } from '../../vault/vault.ts';
import type { ConnectionsContext } from './connections-context.ts';
import type { Provider, ProviderClient } from './provider/provider.ts';
import { ProviderFailure } from './provider/provider-failure.ts';
import { registerClient } from './provider/register-client.ts';
import { recordConnection } from './record-connection.ts';
import { isSamePlace, type OauthUpstream, presetOf } from './upstream-providers.ts';

/** A provider that forgets a client that is younger than this gets no other one: it would go on like that. */
const MIN_AGE_MS = 10 * 60_000;

export type UpstreamClients = ReturnType<typeof createUpstreamClients>;

/** One redirect URI for all upstreams. */
export const redirectUriOf = ({ publicUrl }: ConnectionsContext): string => `${publicUrl()}/connect/callback`;

/** What the gateway is at the providers of upstreams. It registers once per upstream and provider. */
export function createUpstreamClients(context: ConnectionsContext) {
  const { db, vault, now, tenantId } = context;
  const underWay = new Map<string, Promise<ProviderClient>>();

  const secretRef = (upstream: string, clientId: string): SecretRef => ({
    tenantId,
    upstream,
    owner: SHARED,
    name: `oauth-client-${sha256Hex(clientId).slice(0, 16)}`,
  });

  async function configured(upstream: OauthUpstream): Promise<ProviderClient | null> {
    const { client } = upstream.auth.oauth;
    if (client === null) return null;
    const { name } = upstream;
    const declared = context.upstream(name);
    // Secrets are kept by name: those of now are not for where a call that began before still goes.
    if (declared !== undefined && !isSamePlace(declared, upstream)) {
      throw new ProviderFailure('transient', 'The upstream was changed meanwhile. Try again.');
    }
    const [secret, key] = [await context.secretOf(name, 'client-secret'), await context.secretOf(name, 'client-key')];
    return { ...client, secret, key, source: 'configured', secretExpiresAt: null, issuer: null };
  }

  async function stored(upstream: OauthUpstream, { issuer }: Provider): Promise<UpstreamClient | null> {
    const known = await listUpstreamClients(db, { tenantId, upstream: upstream.name });
    return known.find((client) => client.issuer === issuer) ?? null;
  }

  async function load(upstream: OauthUpstream, row: UpstreamClient): Promise<ProviderClient> {
    const secret = await vault.get(secretRef(upstream.name, row.clientId));
    const { clientId: id, authMethod, source, secretExpiresAt } = row;
    const issuer = source === 'metadata-document' ? null : row.issuer;
    return { id, authMethod, secret, key: null, source, secretExpiresAt, issuer };
  }

  /** Registers where that is needed, and stores it before it is used. Of several processes, the first one counts. */
  async function register(upstream: OauthUpstream, provider: Provider): Promise<ProviderClient> {
    const { name } = upstream;
    const { oauth } = upstream.auth;
    const redirectUri = redirectUriOf(context);
    const client = await registerClient({
      ...{ provider, oauth, redirectUri },
      preset: presetOf(upstream),
      configured: await configured(upstream),
      metadataDocumentUrl: `${context.publicUrl()}/connect/client.json`,
      fetch: context.fetchFor(oauth.reach),
    });
    if (client.source !== 'configured' && client.secret !== null) {
      await vault.put(secretRef(name, client.id), client.secret);
    }
    const row: UpstreamClient = {
      ...{ tenantId, upstream: name, issuer: provider.issuer, clientId: client.id, redirectUri },
      source: client.source,
      authMethod: client.authMethod,
      secretExpiresAt: client.secretExpiresAt,
      createdAt: now(),
    };
    if (await insertUpstreamClient(db, row)) {
      const details = { issuer: provider.issuer, clientId: client.id, source: client.source };
      recordConnection(context, { action: 'connection.register', upstream: name, owner: SHARED, details });
      return client;
    }
    if (client.source === 'configured') return client;
    const winner = await stored(upstream, provider);
    if (winner === null) throw new ProviderFailure('transient', 'The registration is being changed. Try again.');
    if (winner.clientId !== client.id) await vault.remove(secretRef(name, client.id));
    return load(upstream, winner);
  }

  /** Forgets one that is no good any more, with its secret. */
  async function discard(upstream: OauthUpstream, { issuer, clientId }: UpstreamClient): Promise<void> {
    if (!(await deleteUpstreamClient(db, { tenantId, upstream: upstream.name, issuer, clientId }))) return;
    await vault.remove(secretRef(upstream.name, clientId));
  }

  async function find(upstream: OauthUpstream, provider: Provider): Promise<ProviderClient> {
    const row = await stored(upstream, provider);
    const declared = upstream.auth.oauth.client;
    if (declared !== null) {
      // The row is what binds the client to its issuer.
      if (row !== null && row.clientId !== declared.id) await discard(upstream, row);
      else if (row !== null) return { ...(await configured(upstream))!, issuer: provider.issuer };
      return register(upstream, provider);
    }
    if (row === null) return register(upstream, provider);
    const over = row.secretExpiresAt !== null && row.secretExpiresAt <= now();
    if (row.source !== 'configured' && row.redirectUri === redirectUriOf(context) && !over) return load(upstream, row);
    await discard(upstream, row);
    return register(upstream, provider);
  }

  function once(
    { name }: OauthUpstream,
    { issuer }: Provider,
    work: () => Promise<ProviderClient>,
  ): Promise<ProviderClient> {
    const key = `${name}\n${issuer}`;
    const known = underWay.get(key);
    if (known !== undefined) return known;
    const flight = work().finally(() => underWay.delete(key));
    underWay.set(key, flight);
    return flight;
  }

  return {
    /** @throws ProviderFailure `registration` with what an administrator has to do, or what the provider said */
    of: (upstream: OauthUpstream, provider: Provider): Promise<ProviderClient> =>
      once(upstream, provider, () => find(upstream, provider)),

    /**
     * The provider does not know this client any more: another one in its place. Null when there is none to be had: it was
     * registered by hand, is no registration at all, or is too young.
     */
    async inPlaceOf(
      upstream: OauthUpstream,
      provider: Provider,
      purged: ProviderClient,
    ): Promise<ProviderClient | null> {
      if (upstream.auth.oauth.client !== null || purged.source === 'metadata-document') return null;
      const client = await once(upstream, provider, async () => {
        const row = await stored(upstream, provider);
        if (row !== null && row.clientId !== purged.id) return load(upstream, row);
        if (row !== null && now() - row.createdAt < MIN_AGE_MS) return load(upstream, row);
        context.log.warn(
          { upstream: upstream.name, issuer: provider.issuer },
          'the provider forgot this gateway, which registers anew',
        );
        if (row !== null) await discard(upstream, row);
        return register(upstream, provider);
      });
      return client.id === purged.id ? null : client;
    },
  };
}
