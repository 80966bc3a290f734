import { AppError } from '../errors/app-error.ts';
import { Secret } from '../lib/secret.ts';
import { sha256Hex } from '../lib/sha256.ts';
import type { Maker } from '../model/maker.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import { insertSetupLink, type SetupLink } from '../store/setup-links.ts';
import { transact } from '../store/transact.ts';
import { findUser } from '../store/users.ts';
import { randomValue } from './random-value.ts';

const HOUR = 3_600_000;
/** A new colleague may be away for a weekend; somebody who asked for recovery is waiting. */
const VALID_MS: Readonly<Record<SetupLink['purpose'], number>> = { setup: 72 * HOUR, recovery: 24 * HOUR };

export interface NewSetupLink {
  /** Shown once: `{publicUrl}/setup/{token}`. Whoever has it becomes the user. */
  readonly token: Secret;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Makes a link with which a person chooses the password of an account, once. Links that the account had before stop
 * working. `recovery` also removes the second factor. Throws `not_found` without such a user, `unprocessable` for one that
 * is disabled.
 */
export async function createSetupLink(
  db: Database,
  {
    userId,
    purpose,
    maker,
    tenantId = DEFAULT_TENANT,
  }: { userId: string; purpose: SetupLink['purpose']; maker: Maker | null; tenantId?: string | undefined },
  now: number = Date.now(),
): Promise<NewSetupLink> {
  const token = randomValue();
  const expiresAt = now + VALID_MS[purpose];
  await transact(db, async (trx) => {
    const user = await findUser(trx, { tenantId, id: userId });
    if (user === null) throw new AppError('not_found', 'There is no such user.');
    if (user.status !== 'active')
      throw new AppError('unprocessable', 'This user is disabled. Enable the account first, then make the link.');
    const tokenHash = sha256Hex(token);
    await insertSetupLink(trx, { tenantId, tokenHash, userId, purpose, maker, createdAt: now, expiresAt });
  });
  return { token: new Secret(token), expiresAt };
}
