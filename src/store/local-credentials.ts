import { type ExpressionBuilder, type Selectable, sql } from 'kysely';
import { type Maker, toMaker } from '../model/maker.ts';
import type { Database, Tables } from './tables.ts';
import { transact } from './transact.ts';

/** How a person signs in to an account that is kept here. The TOTP secret itself is in the vault. */
export interface LocalCredential {
  readonly tenantId: string;
  readonly userId: string;
  /** scrypt, with its parameters and salt; null without a password. */
  readonly passwordHash: string | null;
  /** Attempts since the last complete login. */
  readonly failedAttempts: number;
  /** Milliseconds since the epoch, here and below. */
  readonly lockedUntil: number | null;
  /** Since when a one-time code is asked for; null: it is not. */
  readonly totpConfirmedAt: number | null;
  /** The time step (RFC 6238) of the last code that was accepted. */
  readonly totpLastStep: number | null;
  /** Of the link that the password was chosen with: whoever made it may have opened it. Null: it is not known. */
  readonly maker: Maker | null;
}

export interface LocalCredentialRef {
  readonly tenantId: string;
  readonly userId: string;
}

export async function findLocalCredential(db: Database, ref: LocalCredentialRef): Promise<LocalCredential | null> {
  const row = await db.selectFrom('local_credentials').selectAll().where(isOf(ref)).executeTakeFirst();
  return row ? toLocalCredential(row) : null;
}

/** Sets the password, whether there was one or not, and forgets failed attempts. Other factors stay. `maker`: of the link. */
export async function putPassword(
  db: Database,
  ref: LocalCredentialRef,
  passwordHash: string,
  now: number,
  maker: Maker | null = null,
): Promise<void> {
  const made = { created_by: maker?.id ?? null, created_as: maker?.level ?? null };
  await db
    .insertInto('local_credentials')
    .values({
      tenant_id: ref.tenantId,
      user_id: ref.userId,
      password_hash: passwordHash,
      failed_attempts: 0,
      updated_at: now,
      locked_until: null,
      totp_confirmed_at: null,
      totp_last_step: null,
      ...made,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'user_id'])
        .doUpdateSet({ password_hash: passwordHash, failed_attempts: 0, locked_until: null, updated_at: now, ...made }),
    )
    .execute();
}

/** When the account is locked until, after the `failures`th failed attempt; null: not. */
export type LockRule = (failures: number) => number | null;

/**
 * Counts an attempt before it is known whether it succeeds, so that attempts at the same time are not more than those one
 * after another. Null, and nothing is counted, while the account is locked or has no local credential.
 */
export async function countLoginAttempt(
  db: Database,
  ref: LocalCredentialRef,
  lockedUntil: LockRule,
  now: number,
): Promise<LocalCredential | null> {
  return transact(db, async (trx) => {
    const row = await trx
      .updateTable('local_credentials')
      .set((eb) => ({ failed_attempts: eb('failed_attempts', '+', 1), updated_at: now }))
      .where(isOf(ref))
      .where((eb) => eb.or([eb('locked_until', 'is', null), eb('locked_until', '<=', now)]))
      .returningAll()
      .executeTakeFirst();
    if (!row) return null;
    const until = lockedUntil(row.failed_attempts);
    // The row stays locked by the first statement, so nobody comes in between.
    if (until !== null)
      await trx.updateTable('local_credentials').set({ locked_until: until }).where(isOf(ref)).execute();
    return { ...toLocalCredential(row), lockedUntil: until };
  });
}

/** Takes one counted attempt back: it was right, but another factor is still asked for. */
export async function refundLoginAttempt(
  db: Database,
  ref: LocalCredentialRef,
  lockedUntil: LockRule,
  now: number,
): Promise<void> {
  await transact(db, async (trx) => {
    const row = await trx
      .updateTable('local_credentials')
      .set((eb) => ({ failed_attempts: eb('failed_attempts', '-', 1), updated_at: now }))
      .where(isOf(ref))
      .where('failed_attempts', '>', 0)
      .returning('failed_attempts')
      .executeTakeFirst();
    if (!row || lockedUntil(row.failed_attempts) !== null) return;
    await trx.updateTable('local_credentials').set({ locked_until: null }).where(isOf(ref)).execute();
  });
}

/** After a complete login. */
export async function forgetLoginAttempts(db: Database, ref: LocalCredentialRef, now: number): Promise<void> {
  await db
    .updateTable('local_credentials')
    .set({ failed_attempts: 0, locked_until: null, updated_at: now })
    .where(isOf(ref))
    .execute();
}

/** From now on a one-time code is asked for (a time), or no longer (null). */
export async function setTotpConfirmed(
  db: Database,
  ref: LocalCredentialRef,
  confirmedAt: number | null,
  lastStep: number | null,
): Promise<void> {
  await db
    .updateTable('local_credentials')
    .set({ totp_confirmed_at: confirmedAt, totp_last_step: lastStep })
    .where(isOf(ref))
    .execute();
}

/** False when a code of this or a later time step was accepted already (RFC 6238 §5.2). */
export async function useTotpStep(db: Database, ref: LocalCredentialRef, step: number): Promise<boolean> {
  const row = await db
    .updateTable('local_credentials')
    .set({ totp_last_step: step })
    .where(isOf(ref))
    .where(sql<number>`coalesce(totp_last_step, -1)`, '<', step)
    .returning('user_id')
    .executeTakeFirst();
  return row !== undefined;
}

/** False when there was none. */
export async function deleteLocalCredential(db: Database, ref: LocalCredentialRef): Promise<boolean> {
  const row = await db.deleteFrom('local_credentials').where(isOf(ref)).returning('user_id').executeTakeFirst();
  return row !== undefined;
}

function isOf(ref: LocalCredentialRef) {
  return (eb: ExpressionBuilder<Tables, 'local_credentials'>) =>
    eb.and({ tenant_id: ref.tenantId, user_id: ref.userId });
}

function toLocalCredential(row: Selectable<Tables['local_credentials']>): LocalCredential {
  return {
    tenantId: row.tenant_id,
    userId: row.user_id,
    passwordHash: row.password_hash,
    failedAttempts: row.failed_attempts,
    lockedUntil: row.locked_until === null ? null : Number(row.locked_until),
    totpConfirmedAt: row.totp_confirmed_at === null ? null : Number(row.totp_confirmed_at),
    totpLastStep: row.totp_last_step === null ? null : Number(row.totp_last_step),
    maker: toMaker(row.created_by, row.created_as),
  };
}
