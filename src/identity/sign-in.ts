import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuditLog } from '../audit/open-audit.ts';
import type { IdentityProviderSettings } from '../config/issuer-schemas.ts';
import { AppError } from '../errors/app-error.ts';
import type { Logger } from '../http/logger.ts';
import type { Secret } from '../lib/secret.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { deleteEndedBrowserSessions } from '../store/browser-sessions.ts';
import type { Database } from '../store/database.ts';
import { deleteExpiredLoginStates } from '../store/login-states.ts';
import { deleteExpiredSetupLinks } from '../store/setup-links.ts';
import type { EndedCredentials } from '../tokens/end-lesser-credentials.ts';
import type { Vault } from '../vault/vault.ts';
import { createAccountSetup } from './account-setup.ts';
import { answerSignInError } from './answer-sign-in-error.ts';
import type { BrowserSessions } from './browser-sessions.ts';
import { acceptForms } from './form-body.ts';
import { createFormGuard } from './form-guard.ts';
import { createLocalAccounts } from './local-accounts.ts';
import { createLoginRecorder } from './login-events.ts';
import { createPendingLogins } from './pending-logins.ts';
import type { ProviderCheck } from './providers/check-provider.ts';
import { createIdentityProviders, type ProviderView } from './providers/identity-providers.ts';
import { createKeptIdTokens } from './providers/kept-id-tokens.ts';
import { createProviderTests, type TestLoginReport } from './providers/provider-tests.ts';
import type { IdJagRequest } from './providers/request-id-jag.ts';
import { returnTo } from './return-to.ts';
import { codeRoutes } from './routes/code-routes.ts';
import { logoutTokenRoute } from './routes/logout-token-route.ts';
import { passwordRoutes } from './routes/password-routes.ts';
import { providerRoutes } from './routes/provider-routes.ts';
import { setupRoutes } from './routes/setup-routes.ts';
import { signOutRoutes } from './routes/sign-out-routes.ts';
import type { SignInContext } from './sign-in-context.ts';

export interface SignInOptions {
  readonly db: Database;
  readonly vault: Vault;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly log: Logger;
  readonly sessions: BrowserSessions;
  /** Where browsers reach the gateway, without a path. https, unless it is loopback. */
  readonly publicUrl: () => string;
  /** Whether that is https. */
  readonly secure: boolean;
  /** Read at every request, so that a new configuration counts at once. */
  readonly settings: () => {
    readonly identityProviders: readonly IdentityProviderSettings[];
    readonly localAccounts: boolean;
    /** Where the authorization server is, below `publicUrl`: people return to it and to their connections, and nowhere else. */
    readonly issuerPath: string;
  };
  /** Fills in the references of a configured secret. */
  readonly reveal: (configured: Secret) => Promise<Secret>;
  readonly addressOf: (request: FastifyRequest['raw']) => string;
  /** A login gave a user other roles or groups than before, and `ended` some of their credentials. Awaited before the login is complete. */
  readonly onUserChanged: (userId: string, ended?: EndedCredentials | null) => void | Promise<void>;
  /** Ends what a person allowed a client, with its tokens. */
  readonly endGrant: (grantId: string, reason: string) => Promise<void>;
  /** Whether an upstream needs the ID tokens of this provider: only then they are kept, in the vault. */
  readonly keepIdToken?: ((provider: string) => boolean) | undefined;
  /** A person signed in there, and the ID token of that was kept. */
  readonly onIdTokenKept?: ((provider: string, userId: string) => void) | undefined;
  readonly tenantId?: string | undefined;
  readonly now?: (() => number) | undefined;
}

export interface SignInService {
  /** `/sign-in…`, `/setup/{token}`, `/sign-out`, `/signed-out`: a Fastify plugin. */
  readonly routes: (fastify: FastifyInstance) => Promise<void>;
  /** The configured providers, as they stand on the sign-in page. */
  providers(): ProviderView[];
  /** What can be seen of a provider without a login. Throws `not_found`. */
  checkProvider(name: string): Promise<ProviderCheck[]>;
  /** A login that shows what the provider tells. The person opens `url`; ask for the result with `token`. Throws `not_found`. */
  beginTestLogin(name: string): Promise<{ readonly token: string; readonly url: string; readonly expiresAt: number }>;
  testLoginResult(token: string): Promise<'unknown' | 'waiting' | TestLoginReport>;
  /** The ID token of a person's last sign-in there; null when none was kept, or it is over. */
  idTokenOf(provider: string, userId: string): Promise<Secret | null>;
  /**
   * An assertion of that provider about the person, for another authorization server. Null when it does not take the ID
   * token any more; AppError `identity_provider_failed` for all else.
   */
  idJag(provider: string, request: IdJagRequest): Promise<Secret | null>;
  /** Forgets what is over; call it every few minutes. */
  sweep(): Promise<void>;
}

/** How people prove who they are. */
export function createSignIn(options: SignInOptions): SignInService {
  const { db, sessions, publicUrl, settings, reveal, log, now = Date.now } = options;
  const context = createContext(options);

  async function providerNamed(name: string): Promise<IdentityProviderSettings> {
    const found = settings().identityProviders.find((one) => one.name === name);
    if (found === undefined) throw new AppError('not_found', 'There is no identity provider with this name.');
    return found;
  }

  return {
    async routes(fastify) {
      acceptForms(fastify);
      fastify.setErrorHandler(answerSignInError(log));
      passwordRoutes(fastify, context);
      codeRoutes(fastify, context);
      setupRoutes(fastify, context);
      signOutRoutes(fastify, context);
      providerRoutes(fastify, context);
      logoutTokenRoute(fastify, context);
    },
    providers: context.providers.list,
    async checkProvider(name) {
      const provider = await providerNamed(name);
      const { checkProvider } = await import('./providers/check-provider.ts');
      return checkProvider(provider, { reveal, publicUrl: publicUrl() });
    },
    async beginTestLogin(name) {
      await providerNamed(name);
      const { token, expiresAt } = await context.tests.begin(name);
      return { token, expiresAt, url: `${publicUrl()}/sign-in/${name}?test=${token}` };
    },
    testLoginResult: (token) => context.tests.result(token),
    async idTokenOf(name, userId) {
      const provider = settings().identityProviders.find((one) => one.name === name);
      return provider === undefined ? null : context.idTokens.of(provider, userId);
    },
    async idJag(name, request) {
      const client = await context.providers.find(name);
      if (client === null) throw new AppError('not_found', `There is no identity provider "${name}".`);
      const { requestIdJag } = await import('./providers/request-id-jag.ts');
      return requestIdJag(client, request);
    },
    async sweep() {
      await deleteEndedBrowserSessions(db, { now: now(), seenAfter: sessions.seenAfter() });
      await deleteExpiredLoginStates(db, now());
      await deleteExpiredSetupLinks(db, now());
    },
  };
}

function createContext(options: SignInOptions): SignInContext {
  const { db, vault, audit, sessions, publicUrl, secure, settings, reveal, addressOf, onUserChanged, endGrant } =
    options;
  const { tenantId = DEFAULT_TENANT, now = Date.now } = options;
  const issuer = (): string => `Toolgate (${new URL(publicUrl()).host})`;
  return {
    db,
    tenantId,
    now,
    publicUrl,
    sessions,
    forms: createFormGuard({ secure, publicUrl, sessionCookie: sessions.cookieOf }),
    accounts: createLocalAccounts({ db, vault, tenantId, now }),
    setup: createAccountSetup({ db, vault, issuer, tenantId, now }),
    providers: createIdentityProviders({ settings: () => settings().identityProviders, reveal, publicUrl, now }),
    tests: createProviderTests({ db, tenantId, now }),
    logins: createPendingLogins({ db, secure, tenantId, now }),
    idTokens: createKeptIdTokens({
      vault,
      isWanted: options.keepIdToken ?? (() => false),
      onKept: options.onIdTokenKept ?? (() => undefined),
      tenantId,
      now,
    }),
    localAccounts: () => settings().localAccounts,
    returnTo: (asked) => returnTo(asked, [`${settings().issuerPath}/oauth/`, '/connect', '/connect/']),
    addressOf,
    onUserChanged,
    endGrant,
    record: createLoginRecorder({ audit, tenantId, addressOf, now }),
  };
}
