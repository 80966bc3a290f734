import { createHmac, randomBytes } from 'node:crypto';
import { AppError, toAppError } from '../../errors/app-error.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import type { PrincipalRef } from '../../model/principal.ts';
import { insertLoginState, takeLoginState } from '../../store/login-states.ts';
import { findConnection } from '../../store/upstream-connections.ts';
import { connectionStopped, tokenUnavailable } from './connection-errors.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { type ConnectionTokens, connectedTokens, isOfAnother } from './connection-tokens.ts';
import { type ConnectionsContext, refOf } from './connections-context.ts';
import { authorizationUrl } from './provider/authorization-url.ts';
import { checkOneSite } from './provider/check-one-site.ts';
import { exchangeCode } from './provider/exchange-code.ts';
import type { ProviderClient } from './provider/provider.ts';
import { ProviderFailure } from './provider/provider-failure.ts';
import { scopesFor } from './provider/scopes-for.ts';
import { recordConnection } from './record-connection.ts';
import { requireOauthUpstream } from './require-oauth-upstream.ts';
import type { createConnectionSaver } from './save-connection.ts';
import { redirectUriOf, type UpstreamClients } from './upstream-clients.ts';
import { issuerSetFor, type OauthUpstream, presetOf, type UpstreamProviders } from './upstream-providers.ts';

const PENDING_MS = 10 * 60_000;
/** A page that somebody looks at before agreeing should not show what was true a quarter of an hour ago. */
const PLAN_AGE_MS = 60_000;

/** What connecting will do. */
export interface ConnectPlan {
  /** Where the person will be sent to sign in. */
  readonly host: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  readonly clientSource: ProviderClient['source'];
  /** What is connected so far; null: nothing, or the provider does not say. */
  readonly account: string | null;
  readonly warning: string | null;
}

/** Who said yes, in which browser. */
export interface Beginner {
  readonly userId: string;
  /** Names the browser session. */
  readonly browserHash: string;
  readonly returnTo: string;
}

export interface ReturningBrowser extends Pick<Beginner, 'userId' | 'browserHash'> {
  /** For the record. */
  readonly userName?: string | undefined;
  /**
   * Whether the person may still connect it for this owner, and the owner is still there. Asked before the code is used, and
   * once more when the tokens are stored: whoever is disabled in between would keep them.
   */
  readonly mayConnect?: ((owner: ConnectionOwner) => Promise<boolean>) | undefined;
}

export interface Completed {
  readonly owner: ConnectionOwner;
  readonly returnTo: string;
  readonly account: string | null;
}

/** What is kept while a person is at the provider. The PKCE verifier is derived from the state, which is not stored. */
interface Pending {
  readonly ownerKind: ConnectionOwner['kind'];
  readonly ownerId: string;
  readonly userId: string;
  readonly returnTo: string;
  readonly url: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
}

export interface ConnectFlowParts {
  readonly providers: UpstreamProviders;
  readonly clients: UpstreamClients;
  readonly save: ReturnType<typeof createConnectionSaver>;
  readonly giveBack: (upstream: string, owner: ConnectionOwner, tokens: ConnectionTokens) => Promise<void>;
  readonly disconnect: (
    upstream: string,
    owner: ConnectionOwner,
    by: Pick<PrincipalRef, 'kind' | 'id'>,
  ) => Promise<boolean>;
}

/** Gets a person's consent at the provider, and tokens for it. */
export function createConnectFlow(context: ConnectionsContext, parts: ConnectFlowParts) {
  const { db, now, tenantId } = context;
  const { providers, clients, save } = parts;

  const verifierOf = (state: string): string =>
    createHmac('sha256', context.linkKey.reveal()).update(`toolgate pkce verifier\n${state}`).digest('base64url');

  function declared(name: string): OauthUpstream {
    const upstream = context.upstream(name);
    if (upstream === undefined) throw new AppError('not_found', `There is no upstream "${name}".`);
    return requireOauthUpstream(upstream);
  }

  async function prepare(upstream: OauthUpstream, owner: ConnectionOwner) {
    const { oauth } = upstream.auth;
    const row = await findConnection(db, refOf(context, upstream.name, owner));
    // What has ended may have ended because the upstream moved to another provider.
    const ended = row !== null && row.state !== 'connected' && row.state !== 'ending';
    const provider = await providers.of(upstream, ended ? 0 : PLAN_AGE_MS);
    // Whoever set the provider vouches for what its metadata names.
    if (issuerSetFor(upstream) === null) checkOneSite(provider);
    const client = await clients.of(upstream, provider);
    const wanted = row?.wantedScopes ?? [];
    const scopes = scopesFor({
      ...{ oauth, provider, preset: presetOf(upstream) },
      challenge:
        wanted.length > 0 ? { status: 403, resourceMetadata: null, scopes: wanted, error: 'insufficient_scope' } : null,
      granted: wanted.length > 0 ? row!.scopes : [],
    });
    return { provider, client, row, scopes };
  }

  async function finish(upstream: OauthUpstream, pending: Pending, callback: URL, state: string) {
    const provider = await providers.of(upstream);
    const client = await clients.of(upstream, provider);
    if (provider.issuer !== pending.issuer || client.id !== pending.clientId || upstream.url !== pending.url) {
      throw new ProviderFailure('protocol', 'The upstream or its provider changed meanwhile. Begin again.');
    }
    try {
      const set = await exchangeCode({
        ...{ provider, client, callback, oauth: upstream.auth.oauth, preset: presetOf(upstream) },
        ...{ expectedState: state, codeVerifier: verifierOf(state), redirectUri: pending.redirectUri },
        scopes: pending.scopes,
        fetch: context.fetchFor(upstream.auth.oauth.reach),
      });
      return { set, provider, client };
    } catch (error) {
      // The next try is made with another client, if there is one to be had.
      if (error instanceof ProviderFailure && error.kind === 'invalid_client') {
        await clients.inPlaceOf(upstream, provider, client);
      }
      throw error;
    }
  }

  return {
    async plan(name: string, owner: ConnectionOwner): Promise<ConnectPlan> {
      const upstream = declared(name);
      try {
        const { provider, client, row, scopes } = await prepare(upstream, owner);
        const endpoint = provider.server.authorization_endpoint;
        return {
          host: new URL(endpoint ?? provider.issuer).host,
          issuer: provider.issuer,
          scopes,
          clientSource: client.source,
          account: row === null || row.state === 'ending' ? null : row.account,
          warning:
            row !== null && row.issuer !== provider.issuer
              ? `So far this was connected at another provider (${row.issuer}).`
              : null,
        };
      } catch (error) {
        throw explain(upstream, error);
      }
    },

    async begin(name: string, owner: ConnectionOwner, { userId, browserHash, returnTo }: Beginner): Promise<URL> {
      const upstream = declared(name);
      requireFitting(upstream, owner);
      const state = `${name}.${randomBytes(32).toString('base64url')}`;
      try {
        const { provider, client, scopes } = await prepare(upstream, owner);
        const redirectUri = redirectUriOf(context);
        const url = await authorizationUrl({
          ...{ provider, client, oauth: upstream.auth.oauth, preset: presetOf(upstream), scopes, redirectUri, state },
          codeVerifier: verifierOf(state),
        });
        const pending: Pending = {
          ...{ ownerKind: owner.kind, ownerId: owner.id, userId, returnTo, scopes, redirectUri },
          ...{ url: upstream.url, issuer: provider.issuer, clientId: client.id },
        };
        await insertLoginState(db, {
          ...{ tenantId, stateHash: sha256Hex(state), browserHash: sha256Hex(browserHash) },
          provider: pendingOf(name),
          payload: { ...pending, scopes: [...scopes] },
          expiresAt: now() + PENDING_MS,
        });
        return url;
      } catch (error) {
        throw explain(upstream, error);
      }
    },

    upstreamOf(callback: URL): string | null {
      return /^([a-z0-9-]{1,32})\.[\w-]{43}$/.exec(callback.searchParams.get('state') ?? '')?.[1] ?? null;
    },

    async complete(name: string, callback: URL, browser: ReturningBrowser): Promise<Completed> {
      const { userId, userName, browserHash, mayConnect = async () => true } = browser;
      const by = { kind: 'user', id: userId, name: userName } as const;
      const state = callback.searchParams.get('state') ?? '';
      const at = {
        tenantId,
        stateHash: sha256Hex(state),
        browserHash: sha256Hex(browserHash),
        provider: pendingOf(name),
      };
      const taken = await takeLoginState(db, at, now());
      const pending = taken?.payload as unknown as Pending | undefined;
      if (pending === undefined || pending.userId !== userId) throw new AppError('connect_expired');
      const upstream = declared(name);
      const owner: ConnectionOwner = { kind: pending.ownerKind, id: pending.ownerId };
      if (!(await mayConnect(owner))) throw noLonger();
      try {
        const { set, provider, client } = await finish(upstream, pending, callback, state);
        const tokens = connectedTokens(upstream, pending.scopes, { set, provider, client, now: now() });
        const replaced = await save(upstream.name, owner, tokens).catch(async (error: unknown) => {
          await parts.giveBack(name, owner, tokens);
          throw error;
        });
        if (replaced !== null && isOfAnother(replaced, tokens)) await parts.giveBack(name, owner, replaced);
        const details = { issuer: tokens.issuer, scopes: [...tokens.scopes], client: client.source };
        recordConnection(context, {
          action: 'connection.connect',
          upstream: name,
          owner,
          by,
          details,
        });
        if (!(await mayConnect(owner))) {
          await parts.disconnect(name, owner, by);
          throw noLonger();
        }
        context.onChange({ upstream: name, owner, what: 'connected' });
        return { owner, returnTo: pending.returnTo, account: tokens.account };
      } catch (error) {
        const refused = explain(upstream, error);
        const reason = error instanceof ProviderFailure ? error.kind : refused.code;
        const details = { issuer: pending.issuer, error: refused.message };
        recordConnection(context, {
          action: 'connection.connect',
          upstream: name,
          owner,
          by,
          failed: true,
          reason,
          details,
        });
        throw refused;
      }
    },
  };

  /** What a person or an administrator is told. */
  function explain({ name }: OauthUpstream, error: unknown): AppError {
    if (!(error instanceof ProviderFailure)) return toAppError(error);
    switch (error.kind) {
      case 'changed_issuer':
        context.log.error(
          { upstream: name, why: error.detail },
          'an upstream names another authorization server than before',
        );
        return connectionStopped(name);
      case 'transient':
        return tokenUnavailable(name, error.detail, error);
      default:
        return new AppError('connect_failed', `"${name}" could not be connected: ${error.detail}`, { cause: error });
    }
  }
}

function requireFitting({ name, auth }: OauthUpstream, owner: ConnectionOwner): void {
  const isShared = auth.kind === 'oauth-shared';
  if (isShared === (owner.kind === 'shared')) return;
  const how = isShared ? 'once for everybody' : 'by each person for themselves';
  throw new AppError('unprocessable', `"${name}" is connected ${how}.`);
}

const noLonger = (): AppError => new AppError('connect_expired', 'You may not connect this any more.');

const pendingOf = (upstream: string): string => `connect:${upstream}`;
