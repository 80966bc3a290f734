import type { DeclaredClient } from '../config/declared-client-schema.ts';
import { AppError } from '../errors/app-error.ts';
import type { ProviderCheck } from '../identity/providers/check-provider.ts';
import type { ProviderView } from '../identity/providers/identity-providers.ts';
import type { TestLoginReport } from '../identity/providers/provider-tests.ts';
import type { Secret } from '../lib/secret.ts';
import type { Maker } from '../model/maker.ts';
import type { Database } from '../store/database.ts';
import type { OauthClient } from '../store/oauth-clients.ts';
import type { AdminRequest } from './routes.ts';

/** What the admin API can do about signing in. Every change is effective when its promise resolves. */
export interface SignInAdministration {
  /** Ends a grant with its tokens and streams. */
  revokeGrant(grantId: string, reason: string): Promise<void>;
  /** Adds a client that was checked, under a new id; the secret is to be seen here alone. */
  addClient(
    db: Database,
    client: DeclaredClient & {
      readonly serviceAccountId: string | null;
      readonly address: string;
      readonly maker: Maker | null;
    },
  ): Promise<{ readonly client: OauthClient; readonly secret: Secret | null }>;
  /** Shuts a client out with all its grants, and refuses the tokens that it got without one. */
  revokeClient(clientId: string): Promise<void>;
  readonly signingKeys: {
    list(): readonly { readonly kid: string; readonly state: 'active' | 'next' | 'retired' }[];
    rotate(): Promise<void>;
  };
  readonly identityProviders: {
    list(): ProviderView[];
    /** Both throw `not_found` for one that is not configured. */
    check(name: string): Promise<ProviderCheck[]>;
    beginTestLogin(name: string): Promise<{ token: string; url: string; expiresAt: number }>;
    testLoginResult(token: string): Promise<'unknown' | 'waiting' | TestLoginReport>;
  };
  /** Where a person opens a set-up or recovery link. */
  setupUrl(token: Secret): string;
}

/** Throws `not_found` where signing in is switched off (`oauth.enabled: false`). */
export function requireSignIn({ context }: Pick<AdminRequest, 'context'>): SignInAdministration {
  if (context.signIn === null) {
    throw new AppError('not_found', 'Signing in is switched off on this gateway (`oauth.enabled`).');
  }
  return context.signIn;
}
