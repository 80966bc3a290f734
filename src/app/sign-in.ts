import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { SignInAdministration } from '../admin/sign-in.ts';
import { createAuthorizationServer } from '../authorization-server/authorization-server.ts';
import type { ResourceView } from '../authorization-server/context.ts';
import type { Config } from '../config/config.ts';
import { fillTemplate } from '../config/references.ts';
import type { CredentialUse, VerifyCredential } from '../gateway/authenticate.ts';
import type { Logger } from '../http/logger.ts';
import { assetRoutes } from '../http/pages/assets.ts';
import { createTurnstile } from '../http/turnstile.ts';
import { createBrowserSessions } from '../identity/browser-sessions.ts';
import { createFormGuard } from '../identity/form-guard.ts';
import { createAssertionAccounts } from '../identity/providers/assertion-accounts.ts';
import { createSignIn } from '../identity/sign-in.ts';
import { isLoopbackHost } from '../lib/loopback.ts';
import { safeFetch } from '../lib/safe-fetch.ts';
import { Secret } from '../lib/secret.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { isOauth, type Upstream } from '../model/upstream.ts';
import { revokeOauthGrantsOf } from '../store/oauth-grants.ts';
import { createAccessTokenVerifier } from '../tokens/access-token-verifier.ts';
import { type CredentialVerifier, createCredentialVerifier } from '../tokens/credential-verifier.ts';
import { createDpopVerifier } from '../tokens/dpop-proof.ts';
import type { ExternalIssuer } from '../tokens/external-issuer.ts';
import type { KeyVerifier } from '../tokens/key-verifier.ts';
import type { SigningKeys } from '../tokens/signing-keys.ts';
import { createIdentityStatements, type IdentityStatements } from '../upstreams/identity-statement.ts';
import type { Connections } from '../upstreams/oauth/connections.ts';
import type { IdentityProviders } from '../upstreams/oauth/grants/obtain-token.ts';
import { loadOwnSecret } from '../vault/own-secrets.ts';
import { connectPages } from './connect-pages.ts';
import type { DeclaredState } from './declared-state.ts';
import type { State } from './open-state.ts';

/** Changes that other processes made: revoked grants, signing keys. */
const FOLLOW_MS = 5_000;
const SWEEP_MS = 10 * 60_000;

export interface SignInOptions {
  readonly config: () => Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly state: State;
  readonly keys: KeyVerifier;
  /** Null where signing in is switched off. */
  readonly signingKeys: SigningKeys | null;
  readonly declared: () => DeclaredState;
  /** Accounts at upstreams, which people connect on pages of ours. */
  readonly connections: Connections;
  /** A person signed in at the identity provider whose word this upstream takes. */
  readonly onIdTokenKept: (upstream: string, userId: string) => void;
  readonly addressOf: (request: IncomingMessage) => string;
  /** Whether tool calls are under way, which signing in shall not delay. */
  readonly callsUnderWay: () => boolean;
  readonly log: Logger;
}

/** Everything about OAuth: who may be let in by token, and how people and clients get tokens. */
export interface SignIn {
  /** Who calls, for upstreams that ask to be told. */
  readonly identity: IdentityStatements;
  readonly credentials: CredentialVerifier;
  readonly verify: VerifyCredential;
  /** What identity providers say about people who signed in there; nothing, where nobody can. */
  readonly providers: IdentityProviders;
  /** Issuers whose tokens open the resource at this path. */
  authorizationServers(resourcePath: string): readonly string[];
  /** For the header `DPoP-Nonce`. */
  dpopNonce(): string;
  readonly routes: (fastify: FastifyInstance) => Promise<void>;
  readonly administration: SignInAdministration | null;
  /** Nobody is left who is signed in as this principal. */
  endOfPrincipal(principalId: string): Promise<void>;
  reload(): Promise<void>;
  /** Begins what is done from time to time. Call it when the gateway listens. */
  start(): void;
  close(): void;
}

/** Opens what signing in needs of the data folder. Throws an Error for the operator. */
export async function openSignIn(options: SignInOptions): Promise<SignIn> {
  const { config, env, state, keys, signingKeys, log } = options;
  const { db, vault, audit } = state;
  const tenantId = DEFAULT_TENANT;
  const publicUrl = (): string => config().publicUrl;
  const issuer = (): string => publicUrl() + config().oauth.issuerPath;
  const reveal = async (template: Secret): Promise<Secret> =>
    new Secret(await fillTemplate(template.reveal(), { env: (name) => env[name], vault: async () => undefined }));
  const tokenIssuers = (): ExternalIssuer[] =>
    config().oauth.tokenIssuers.map(({ introspection, ...issuer }) => ({
      ...issuer,
      introspection: introspection && { ...introspection, clientSecret: () => reveal(introspection.clientSecret) },
    }));
  const accountOf = createAssertionAccounts({ db, providers: () => config().oauth.identityProviders });
  const dpop = createDpopVerifier({ nonceSecret: await dpopSecret(vault) });
  const tokens = createAccessTokenVerifier({
    db,
    own: signingKeys === null ? null : { issuer, signingKeys },
    publicUrl,
    issuers: tokenIssuers(),
    accountOf,
    fetch: (url, asked) => safeFetch(url, { reach: reachOf(url), ...asked }),
    dpop,
  });
  const credentials = createCredentialVerifier({ keys, tokens });
  const parts = signingKeys === null ? null : await openServer();
  const timers: NodeJS.Timeout[] = [];

  /** The authorization server, and the pages by which people sign in to it. */
  async function openServer() {
    const { addressOf } = options;
    const secure = publicUrl().startsWith('https:');
    const sessions = createBrowserSessions({ db, secure });
    const people = createSignIn({
      ...{ db, vault, audit, log, sessions, publicUrl, secure, reveal, addressOf },
      settings: () => config().oauth,
      keepIdToken: (provider) => options.declared().upstreams.some((upstream) => needsIdToken(upstream, provider)),
      onIdTokenKept(provider, userId) {
        for (const upstream of options.declared().upstreams) {
          if (needsIdToken(upstream, provider)) options.onIdTokenKept(upstream.name, userId);
        }
      },
      endGrant: async (grantId, reason) => void (await server.revokeGrant(grantId, reason)),
      onUserChanged(userId, ended) {
        for (const { id } of ended?.accessKeys ?? []) credentials.revokeKey(id);
        if (ended?.password) credentials.revokePrincipal(userId);
        else credentials.invalidatePrincipal(userId);
      },
    });
    const formGuard = createFormGuard({ secure, publicUrl, sessionCookie: sessions.cookieOf });
    const { connections, declared } = options;
    const connect = connectPages({
      ...{ db, audit, log, sessions, formGuard, connections, declared, publicUrl, addressOf },
    });
    const server = await createAuthorizationServer({
      ...{ db, vault, audit, log, publicUrl, accountOf, addressOf },
      settings: config().oauth,
      secretOf: reveal,
      signingKeys: signingKeys!,
      browserSessions: sessions,
      formGuard,
      resourceAt: (path) => resourceAt(options.declared().upstreams, path),
      onGrantRevoked: credentials.revokeGrant,
    });
    return { sessions, people, connect, server };
  }

  const administration: SignInAdministration | null = parts && {
    revokeGrant: async (grantId, reason) => void (await parts.server.revokeGrant(grantId, reason)),
    addClient: parts.server.addClient,
    async revokeClient(clientId) {
      await parts.server.revokeClient(clientId, 'the client was revoked');
      // Its tokens without a grant are refused by its name.
      credentials.revokeClient(clientId);
    },
    signingKeys: {
      list: () => signingKeys!.list(),
      rotate: () => signingKeys!.rotate(),
    },
    identityProviders: {
      list: parts.people.providers,
      check: parts.people.checkProvider,
      beginTestLogin: parts.people.beginTestLogin,
      testLoginResult: parts.people.testLoginResult,
    },
    setupUrl: (token) => `${publicUrl()}/setup/${token.reveal()}`,
  };

  const repeat = (everyMs: number, what: string, work: () => Promise<unknown>): void => {
    const timer = setInterval(() => {
      work().catch((error: unknown) => log.warn({ err: error }, what));
    }, everyMs);
    timers.push(timer.unref());
  };

  return {
    identity: createIdentityStatements({ issuer, signingKeys }),
    providers: {
      idTokenOf: async (provider, userId) => parts?.people.idTokenOf(provider, userId) ?? null,
      idJag: async (provider, request) => parts?.people.idJag(provider, request) ?? null,
    },
    credentials,
    verify: (credential, use) =>
      credentials.verify(credential, {
        address: use.address,
        dpopScheme: hasDpopScheme(use),
        token: () => ({
          resource: publicUrl() + use.resourcePath,
          wide: config().oauth.wideAudience,
          dpop: proofOf(use, publicUrl()),
          again: use.again,
        }),
      }),
    authorizationServers: (path) => [
      ...(parts === null ? [] : [issuer()]),
      ...config()
        .oauth.tokenIssuers.filter(({ audiences }) => Object.values(audiences).includes(path))
        .map((external) => external.issuer),
    ],
    dpopNonce: dpop.nonce,
    async routes(fastify) {
      if (parts === null) return;
      const { people, connect, server } = parts;
      assetRoutes(fastify);
      await fastify.register(async (paced) => {
        const begin = createTurnstile({ isBusy: options.callsUnderWay });
        paced.addHook('onRequest', async (request, reply) => {
          await begin();
          // Whoever has gone meanwhile needs no answer.
          if (request.raw.socket.destroyed) reply.hijack();
        });
        await paced.register(people.routes);
        await paced.register(connect);
        await paced.register(server.routes);
      });
    },
    administration,
    async endOfPrincipal(principalId) {
      await revokeOauthGrantsOf(db, { tenantId, principalId }, 'the principal was disabled', Date.now());
      await parts?.sessions.endOfPrincipal(principalId);
    },
    async reload() {
      tokens.replaceIssuers(tokenIssuers());
      await parts?.server.reload(config().oauth);
      // Clients may be gone that have tokens without a grant.
      credentials.invalidateAll();
    },
    start() {
      repeat(FOLLOW_MS, 'revocations by other processes could not be read', credentials.readRevoked);
      if (parts === null) return;
      const { server, people } = parts;
      repeat(SWEEP_MS, 'what is over could not be removed', async () => {
        await signingKeys!.tick();
        await server.sweep();
        await people.sweep();
      });
    },
    close() {
      for (const timer of timers) clearInterval(timer);
      parts?.server.close();
    },
  };
}

const hasDpopScheme = ({ http }: CredentialUse): boolean => /^DPoP /i.test(http.headers.authorization ?? '');

/** Present when, and only when, the token came with the `DPoP` scheme (RFC 9449 §7.1). */
function proofOf(use: CredentialUse, publicUrl: string) {
  if (!hasDpopScheme(use)) return undefined;
  const { http } = use;
  const { dpop } = http.headers;
  return { proof: typeof dpop === 'string' ? dpop : undefined, method: http.method!, url: publicUrl + http.url! };
}

/**
 * Any well-formed name is a resource, whether there is such an upstream or not: strangers ask before they sign in, and must
 * not learn which upstreams there are.
 */
function resourceAt(upstreams: readonly Upstream[], path: string): ResourceView | null {
  const name = /^\/mcp(?:\/([a-z0-9-]{1,32}))?$/.exec(path);
  if (name === null) return null;
  const reached = upstreams.filter(
    (upstream) => upstream.enabled && (name[1] === undefined || upstream.name === name[1]),
  );
  return {
    title: name[1] ?? 'Toolgate',
    upstreams: reached.map((upstream) => ({ name: upstream.name, title: upstream.name })),
  };
}

/** Whether it exchanges what this identity provider says about a person. */
const needsIdToken = ({ auth }: Upstream, provider: string): boolean =>
  isOauth(auth) && auth.oauth.exchange?.subject === 'identity-provider' && auth.oauth.exchange.provider === provider;

/** What an operator configured may be inside the company; on this machine only where it says so itself. */
const reachOf = (url: string) => (isLoopbackHost(new URL(url).hostname) ? 'loopback-too' : 'internal');

const dpopSecret = async (vault: State['vault']): Promise<Buffer> =>
  Buffer.from((await loadOwnSecret(vault, 'dpop-nonce-secret')).reveal(), 'base64url');
