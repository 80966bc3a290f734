import type { Secret } from '../../lib/secret.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import { isGrantInUse } from '../../store/grant-in-use.ts';
import {
  claimRevocation,
  deleteSettledRevocations,
  expediteRevocations,
  insertProviderRevocation,
  listDueRevocations,
  type ProviderRevocation,
  settleRevocation,
} from '../../store/provider-revocations.ts';
import { ownEntry } from '../../vault/own-secrets.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { type ConnectionTokens, type RevocationServer, readTokens, writeTokens } from './connection-tokens.ts';
import type { ConnectionsContext } from './connections-context.ts';
import type { Provider, ProviderClient } from './provider/provider.ts';
import { ProviderFailure } from './provider/provider-failure.ts';
import { revokeToken } from './provider/revoke-token.ts';
import { recordConnection } from './record-connection.ts';
import { isConnectable } from './require-oauth-upstream.ts';
import { knownIssuer } from './upstream-providers.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Twice as long each time. */
const FIRST_RETRY_MS = 30_000;
const MAX_RETRY_MS = 6 * HOUR;
/** How long one attempt may take before another process may try as well. Revoking twice does no harm (RFC 7009 §2.2). */
const CLAIM_MS = MINUTE;
/** Then it is given up, recorded, and left to the provider, where tokens die of age as well. */
const MAX_AGE_MS = 30 * 24 * HOUR;
/** What is done stays in the table for a while: other processes learn from it what was disconnected. */
const KEEP_MS = 24 * HOUR;
const BATCH = 50;
/** How often it is looked whether a grant is still in use, beside each time that its owner disconnects something. */
const IN_USE_MS = HOUR;

export type RevocationQueue = ReturnType<typeof createRevocationQueue>;

/** Gives tokens back to their provider, until it is done; also after a restart. They are in the vault so long. */
export function createRevocationQueue(context: ConnectionsContext) {
  const { db, vault, log, now, tenantId } = context;

  const secretRef = (id: string) => ownEntry(`revocation-${id}`, tenantId);

  /**
   * The secret of a client that was registered by hand may have changed since; all else is as it was. Only while the
   * upstream still is where and what it was: under the same name and client id, another one may belong to another provider.
   */
  async function clientOf(upstream: string, { client, url, issuer }: ConnectionTokens): Promise<ProviderClient> {
    const declared = context.upstream(upstream);
    if (client.source !== 'configured' || declared === undefined || !isConnectable(declared)) return client;
    if (declared.auth.oauth.client?.id !== client.id || declared.url !== url) return client;
    if ((await knownIssuer(context, declared)) !== issuer) return client;
    const [secret, key] = [
      await context.secretOf(upstream, 'client-secret'),
      await context.secretOf(upstream, 'client-key'),
    ];
    return { ...client, secret: secret ?? client.secret, key: key ?? client.key };
  }

  async function tokensOf({ id }: ProviderRevocation): Promise<ConnectionTokens | null> {
    const sealed = await vault.get(secretRef(id));
    return sealed === null ? null : readTokens(sealed);
  }

  async function revoke(
    { upstream }: ProviderRevocation,
    tokens: ConnectionTokens | null,
  ): Promise<'revoked' | 'unsupported'> {
    if (tokens === null) return 'unsupported';
    const provider = providerOf(tokens.issuer, tokens.server);
    const fetch = context.fetchFor(tokens.reach);
    const client = await clientOf(upstream, tokens);
    const told = (token: Secret, hint: 'refresh_token' | 'access_token') =>
      revokeToken({ provider, client, token, hint, fetch });
    // Most providers end the whole grant with its refresh token; some leave the access token alive.
    const first = tokens.refreshToken === null ? null : await told(tokens.refreshToken, 'refresh_token');
    const second = await told(tokens.accessToken, 'access_token');
    return first === 'revoked' ? first : second;
  }

  /**
   * Providers such as Keycloak and Google count all that one account gave to one client as one grant, and end the whole of
   * it. As long as another connection lives on it, it is not ended: with the last one it is.
   */
  const isInUse = ({ owner }: ProviderRevocation, { issuer, client, account }: ConnectionTokens): Promise<boolean> =>
    isGrantInUse(db, { tenantId, issuer, clientId: client.id, owner, account });

  async function attempt(revocation: ProviderRevocation): Promise<void> {
    const { id, upstream, owner, issuer, attempts, createdAt } = revocation;
    const event = { action: 'connection.revoke', upstream, owner } as const;
    try {
      const tokens = await tokensOf(revocation);
      if (tokens !== null && (await isInUse(revocation, tokens))) {
        const lastError = 'Another connection uses the same access at the provider.';
        await settleRevocation(db, { tenantId, id }, { state: 'waiting', lastError, nextAt: now() + IN_USE_MS }, now());
        if (attempts === 1)
          recordConnection(context, { ...event, failed: true, reason: 'in_use', details: { issuer } });
        return;
      }
      const result = await revoke(revocation, tokens);
      await settleRevocation(db, { tenantId, id }, { state: 'done', lastError: null, nextAt: now() }, now());
      await vault.remove(secretRef(id));
      recordConnection(context, { ...event, reason: result, details: { issuer, attempts } });
    } catch (error) {
      const why = error instanceof ProviderFailure ? error.detail : 'internal';
      const givenUp = now() - createdAt >= MAX_AGE_MS;
      const wait = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(20, attempts - 1)) * (0.5 + Math.random());
      const state = givenUp ? 'given_up' : 'waiting';
      await settleRevocation(db, { tenantId, id }, { state, lastError: why, nextAt: now() + wait }, now());
      if (givenUp) await vault.remove(secretRef(id));
      const noted = { upstream, issuer, attempts, why, ...(!(error instanceof ProviderFailure) && { err: error }) };
      log.warn(noted, givenUp ? 'a token was not revoked at its provider' : 'a token is not revoked yet');
      if (attempts === 1 || givenUp) {
        const details = { issuer, attempts, error: why };
        recordConnection(context, { ...event, failed: true, reason: givenUp ? 'given_up' : 'retried', details });
      }
    }
  }

  return {
    /** Queues the tokens, durably. Queueing the same ones again is no second revocation. */
    async add(
      { upstream, owner }: { readonly upstream: string; readonly owner: ConnectionOwner },
      tokens: ConnectionTokens,
    ): Promise<void> {
      const text = `${tokens.grantId}\n${tokens.accessToken.reveal()}`;
      const id = `rev_${sha256Hex(`revocation ${text}`).slice(0, 26)}`;
      await vault.put(secretRef(id), writeTokens(tokens));
      // What was only kept because this lived on the same grant need not wait any more.
      await expediteRevocations(db, { tenantId, issuer: tokens.issuer, owner }, now());
      await insertProviderRevocation(db, {
        ...{ tenantId, id, upstream, owner, issuer: tokens.issuer, createdAt: now() },
      });
    },

    /** Tries all whose turn it is. */
    async run(): Promise<void> {
      const due = await listDueRevocations(db, { tenantId, now: now(), limit: BATCH });
      await Promise.all(
        due.map(async (seen) => {
          const claimed = await claimRevocation(db, seen, { nextAt: now() + CLAIM_MS, now: now() });
          if (claimed !== null) await attempt(claimed);
        }),
      );
      await deleteSettledRevocations(db, now() - KEEP_MS);
    },
  };
}

const providerOf = (issuer: string, { server, ownRevocation }: RevocationServer): Provider => ({
  issuer,
  server,
  resource: null,
  scopes: { challenge: null, supported: null },
  via: 'what was known when the tokens were got',
  ownRevocation,
});
