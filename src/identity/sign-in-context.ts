import type { FastifyRequest } from 'fastify';
import type { Database } from '../store/database.ts';
import type { EndedCredentials } from '../tokens/end-lesser-credentials.ts';
import type { AccountSetup } from './account-setup.ts';
import type { BrowserSessions } from './browser-sessions.ts';
import type { FormGuard } from './form-guard.ts';
import type { LocalAccounts } from './local-accounts.ts';
import type { RecordLogin } from './login-events.ts';
import type { PendingLogins } from './pending-logins.ts';
import type { IdentityProviders } from './providers/identity-providers.ts';
import type { KeptIdTokens } from './providers/kept-id-tokens.ts';
import type { ProviderTests } from './providers/provider-tests.ts';

/** What the routes of signing in share. */
export interface SignInContext {
  readonly db: Database;
  readonly tenantId: string;
  readonly now: () => number;
  readonly publicUrl: () => string;
  readonly sessions: BrowserSessions;
  readonly forms: FormGuard;
  readonly accounts: LocalAccounts;
  readonly setup: AccountSetup;
  readonly providers: IdentityProviders;
  readonly tests: ProviderTests;
  readonly logins: PendingLogins;
  readonly idTokens: KeptIdTokens;
  /** Whether passwords are kept here. */
  readonly localAccounts: () => boolean;
  /** Where to go on after signing in; `/` when that was asked for that is not ours. */
  readonly returnTo: (asked: unknown) => string;
  readonly addressOf: (request: FastifyRequest['raw']) => string;
  /** Roles, groups, grants or (`ended`) credentials of a user are others than before. */
  readonly onUserChanged: (userId: string, ended?: EndedCredentials | null) => void | Promise<void>;
  /** Ends what a person allowed a client, with its tokens. */
  readonly endGrant: (grantId: string, reason: string) => Promise<void>;
  readonly record: RecordLogin;
}
