import type { IdentityProviderSettings } from '../../config/issuer-schemas.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import type { Database } from '../../store/database.ts';
import type { Claims } from '../../tokens/claim-rules.ts';
import { type AccountPolicy, externalAccount } from './external-account.ts';

export interface AssertedPerson {
  readonly issuer: string;
  readonly subject: string;
  readonly claims: Claims;
  readonly createAccount: boolean;
}

/** Used where nobody signs in at the issuer, and so nothing more is known about it. */
const PLAIN: Pick<IdentityProviderSettings, 'preset' | 'domains' | 'linkByEmail'> = {
  preset: 'generic',
  domains: [],
  linkByEmail: false,
};

/**
 * Finds the account of somebody whom a verified assertion speaks of. It is the same that the person has when signing in at
 * this issuer, under the same conditions; roles and groups stay as they are. Null: there is none, and none may be made.
 */
export function createAssertionAccounts({
  db,
  providers,
  tenantId = DEFAULT_TENANT,
  now = Date.now,
}: {
  db: Database;
  providers: () => readonly IdentityProviderSettings[];
  tenantId?: string | undefined;
  now?: (() => number) | undefined;
}): (person: AssertedPerson) => Promise<{ readonly userId: string } | null> {
  return async ({ issuer, subject, claims, createAccount }) => {
    const { preset, domains, linkByEmail } = providers().find((provider) => provider.issuer === issuer) ?? PLAIN;
    const policy: AccountPolicy = { preset, domains, linkByEmail, createAccounts: createAccount, rules: null };
    const account = await externalAccount(db, policy, { tenantId, issuer, subject, claims }, now());
    return 'refusal' in account ? null : { userId: account.user.id };
  };
}
