import { AppError } from '../errors/app-error.ts';
import type { User } from '../store/users.ts';
import type { AccountRefusal } from './providers/external-account.ts';

/** The person has signed in at their provider, so this tells nothing that is not theirs to know. */
const TEXTS: Readonly<Record<AccountRefusal, string>> = {
  subject_invalid: 'Your identity provider sent something that identifies nobody.',
  email_not_verified: 'Your identity provider does not say that your e-mail address is verified, which is needed here.',
  domain_not_allowed: 'Your e-mail address belongs to a domain from which nobody may sign in here.',
  account_disabled: 'Your account here is disabled.',
  account_exists:
    'There is an account with your e-mail address already, which is not connected to this identity provider.',
  account_of_other_subject:
    'The account with your e-mail address belongs to somebody else, who had this address before.',
  no_account: 'There is no account for you here.',
};

/** The cause of a refusal, for the record. */
export class LoginRefused extends Error {
  readonly reason: string;
  readonly user: Pick<User, 'id' | 'name'> | undefined;

  constructor(reason: string, user?: Pick<User, 'id' | 'name'>) {
    super(`The login was refused: ${reason}`);
    this.name = 'LoginRefused';
    this.reason = reason;
    this.user = user;
  }
}

export const refuseAccount = (refusal: AccountRefusal, user?: User): AppError =>
  new AppError('sign_in_refused', TEXTS[refusal], { cause: new LoginRefused(refusal, user) });
