import { sha256Hex } from '../lib/sha256.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import {
  countLoginAttempt,
  findLocalCredential,
  forgetLoginAttempts,
  type LocalCredentialRef,
  refundLoginAttempt,
  useTotpStep,
} from '../store/local-credentials.ts';
import { nameKey } from '../store/name-key.ts';
import { findUser, findUserByName, type User } from '../store/users.ts';
import type { Vault } from '../vault/vault.ts';
import { type AttemptLimiter, createAttemptLimiter } from './attempt-limiter.ts';
import { lockedUntil } from './lock-rule.ts';
import { verifyPassword } from './password-hash.ts';
import { totpEntry, totpStep } from './totp.ts';

/** Why a sign-in failed. For records and logs: people are told one and the same thing. */
export type LoginFailure =
  | 'too_many_attempts'
  | 'no_such_account'
  | 'no_password'
  | 'account_disabled'
  | 'account_locked'
  | 'wrong_password'
  | 'wrong_code'
  | 'code_used';

export type LoginResult =
  | { readonly user: User; readonly methods: readonly string[]; readonly secondFactor: false }
  /** The password is right; now `checkCode`. */
  | { readonly user: User; readonly secondFactor: true }
  | Failed;

interface Failed {
  readonly failure: LoginFailure;
  /** For records only. */
  readonly user?: User | undefined;
  /** This failure has locked the account. */
  readonly locks: boolean;
  /** The same was answered just before: not worth another record. */
  readonly repeated?: boolean | undefined;
}

export type LocalAccounts = ReturnType<typeof createLocalAccounts>;

const MINUTE = 60_000;
/** Longer ones are no attempt to sign in; nothing is hashed for them. */
const MAX_TYPED = 1024;

/**
 * Accounts with a password that is kept here, and a one-time code where the person has set that up.
 *
 * Whether there is an account, is locked, disabled or without a password, cannot be told from the answer or its time: each
 * costs one scrypt. Only the number of attempts from one address, which the caller knows anyway, is answered at once.
 */
export function createLocalAccounts({
  db,
  vault,
  tenantId = DEFAULT_TENANT,
  now = Date.now,
  perAccount = createAttemptLimiter({ attempts: 10, windowMs: 15 * MINUTE }),
  perAddress = createAttemptLimiter({ attempts: 50, windowMs: 15 * MINUTE }),
}: {
  db: Database;
  vault: Vault;
  tenantId?: string | undefined;
  now?: (() => number) | undefined;
  /** Of attempts by address and name together, and by address. */
  perAccount?: AttemptLimiter | undefined;
  perAddress?: AttemptLimiter | undefined;
}) {
  const refOf = (user: User): LocalCredentialRef => ({ tenantId, userId: user.id });
  const rule = (failures: number): number | null => lockedUntil(failures, now());

  async function complete(user: User, methods: readonly string[]): Promise<LoginResult> {
    await forgetLoginAttempts(db, refOf(user), now());
    return { user, methods, secondFactor: false };
  }

  return {
    /** `address`: the client's, after trusted proxies. Throws `overloaded` when too many people sign in at once. */
    async checkPassword(login: string, password: string, address: string): Promise<LoginResult> {
      const pair = sha256Hex(`${address} ${nameKey(login)}`);
      const excess = perAddress.excess(address) || perAccount.excess(pair);
      if (excess > 0) return { failure: 'too_many_attempts', locks: false, repeated: excess > 1 };
      if (login.length > MAX_TYPED || password.length > MAX_TYPED) return { failure: 'no_such_account', locks: false };
      const user = await findUserByName(db, { tenantId, name: login });
      const credential = user?.status === 'active' ? await countLoginAttempt(db, refOf(user), rule, now()) : null;
      const right = await verifyPassword(password, credential?.passwordHash ?? null);
      const locks = credential !== null && credential.lockedUntil !== null;
      if (user === null) return { failure: 'no_such_account', locks };
      if (user.status !== 'active') return { failure: 'account_disabled', user, locks };
      if (credential === null) {
        const known = await findLocalCredential(db, refOf(user));
        return { failure: known === null ? 'no_password' : 'account_locked', user, locks };
      }
      if (credential.passwordHash === null) return { failure: 'no_password', user, locks };
      if (!right) return { failure: 'wrong_password', user, locks };
      perAccount.refund(pair);
      perAddress.refund(address);
      if (credential.totpConfirmedAt === null) return complete(user, ['pwd']);
      // Not forgotten before the code is right, too: else a known password would allow any number of guesses at the code.
      await refundLoginAttempt(db, refOf(user), rule, now());
      return { user, secondFactor: true };
    },

    /** The second step, for the user whose password was right just before. */
    async checkCode(userId: string, code: string): Promise<LoginResult> {
      const user = await findUser(db, { tenantId, id: userId });
      if (user === null) return { failure: 'no_such_account', locks: false };
      if (user.status !== 'active') return { failure: 'account_disabled', user, locks: false };
      const credential = await countLoginAttempt(db, refOf(user), rule, now());
      if (credential === null) return { failure: 'account_locked', user, locks: false };
      const locks = credential.lockedUntil !== null;
      const secret = await vault.get(totpEntry(tenantId, userId));
      const step = secret === null ? null : totpStep(secret, code, now());
      if (step === null) return { failure: 'wrong_code', user, locks };
      if (!(await useTotpStep(db, refOf(user), step))) return { failure: 'code_used', user, locks };
      return complete(user, ['pwd', 'otp', 'mfa']);
    },
  };
}
