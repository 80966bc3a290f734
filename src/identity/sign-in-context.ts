import type { FastifyRequest } from 'fastify';
import type { Database } from '../store/database.ts';
import type { AccountSetup } from './account-setup.ts';
import type { BrowserSessions } from './browser-sessions.ts';
import type { FormGuard } from './form-guard.ts';
import type { LocalAccounts } from './local-accounts.ts';
import type { RecordLogin } from './login-events.ts';
import type { PendingLogins } from './pending-logins.ts';
import type { IdentityProviders } from './providers/identity-providers.ts';
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
  /** Whether passwords are kept here. */
  readonly localAccounts: () => boolean;
  /** Where to go on after signing in; `/` when that was asked for that is not ours. */
  readonly returnTo: (asked: unknown) => string;
  readonly addressOf: (request: FastifyRequest['raw']) => string;
  /** Roles, groups or grants of a user are others than before. */
  readonly onUserChanged: (userId: string) => void | Promise<void>;
  readonly record: RecordLogin;
}
