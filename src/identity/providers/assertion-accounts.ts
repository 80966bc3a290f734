import type { IdentityProviderSettings } from '../../config/issuer-schemas.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import type { Database } from '../../store/database.ts';
import { findExternalIdentity } from '../../store/external-identities.ts';
import { findUser } from '../../store/users.ts';
import { type Claims, claimValues } from '../../tokens/claim-rules.ts';
import { type AccountPolicy, externalAccount, subjectNamespace } from './external-account.ts';

export interface AssertedPerson {
  readonly issuer: string;
  readonly subject: string;
  /** The claim that `subject` was read from; `sub` when absent. */
  readonly subjectClaim?: string | undefined;
  readonly claims: Claims;
  readonly createAccount: boolean;
  /** The claim that a new account is named by. */
  readonly nameClaim?: string | undefined;
}

/** What can be the name of an account. */
const NAME = /^[^\p{C}]{1,254}$/u;

/** Used where nobody signs in at the issuer, and so nothing more is known about it. */
const PLAIN: Pick<IdentityProviderSettings, 'preset' | 'domains' | 'linkByEmail'> = {
  preset: 'generic',
  domains: [],
  linkByEmail: false,
};

/**
 * Finds the account of somebody whom a verified assertion speaks of. It is the same that the person has when signing in at
 * this issuer, and made under the same conditions; roles and groups stay as they are. Null: there is none, none may be
 * made, or it is disabled. Somebody who is known costs two reads.
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
  return async ({ issuer, subject, subjectClaim, claims, createAccount, nameClaim }) => {
    const namespace = subjectNamespace(issuer, subjectClaim);
    const known = await findExternalIdentity(db, { tenantId, issuer: namespace, subject });
    if (known !== null) {
      const user = await findUser(db, { tenantId, id: known.userId });
      return user?.status === 'active' ? { userId: user.id } : null;
    }
    const { preset, domains, linkByEmail } = providers().find((provider) => provider.issuer === issuer) ?? PLAIN;
    const policy: AccountPolicy = { preset, domains, linkByEmail, createAccounts: createAccount, rules: null };
    const [name] = nameClaim === undefined ? [] : claimValues(claims, nameClaim).filter((text) => NAME.test(text));
    const account = await externalAccount(db, policy, { tenantId, issuer, subject, subjectClaim, claims, name }, now());
    return 'refusal' in account ? null : { userId: account.user.id };
  };
}
