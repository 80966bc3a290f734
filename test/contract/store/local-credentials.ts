import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  countLoginAttempt,
  deleteLocalCredential,
  findLocalCredential,
  forgetLoginAttempts,
  putPassword,
  refundLoginAttempt,
  setTotpConfirmed,
  useTotpStep,
} from '../../../src/store/local-credentials.ts';
import { NOW, newTenant, newUser, rejectsWith, type Suite } from './fixture.ts';

export const localCredentials: Suite = (db) => {
  const lockAt = (failures: number): number | null => (failures >= 3 ? NOW + 1000 : null);

  async function account() {
    const { tenantId, id: userId } = await newUser(db(), await newTenant(db()));
    await putPassword(db(), { tenantId, userId }, 'hash', NOW);
    return { tenantId, userId };
  }

  test('a password is set and replaced; replacing it unlocks the account and keeps the other factor', async () => {
    const ref = await account();
    const fresh = {
      ...ref,
      passwordHash: 'hash',
      failedAttempts: 0,
      lockedUntil: null,
      totpConfirmedAt: null,
      totpLastStep: null,
      maker: null,
    };
    assert.deepEqual(await findLocalCredential(db(), ref), fresh);
    await setTotpConfirmed(db(), ref, NOW, 7);
    for (let i = 0; i < 3; i++) await countLoginAttempt(db(), ref, lockAt, NOW);
    assert.equal((await findLocalCredential(db(), ref))?.lockedUntil, NOW + 1000);
    const maker = { id: 'usr_maker', level: 'owner' } as const;
    await putPassword(db(), ref, 'other', NOW, maker);
    assert.deepEqual(await findLocalCredential(db(), ref), {
      ...fresh,
      passwordHash: 'other',
      totpConfirmedAt: NOW,
      totpLastStep: 7,
      maker,
    });
    assert.equal(await deleteLocalCredential(db(), ref), true);
    assert.equal(await findLocalCredential(db(), ref), null);
    await rejectsWith('conflict', putPassword(db(), { ...ref, userId: 'usr_nobody' }, 'hash', NOW));
  });

  test('attempts at the same time are not more than those one after another', async () => {
    const ref = await account();
    const attempts = await Promise.all(Array.from({ length: 30 }, () => countLoginAttempt(db(), ref, lockAt, NOW)));
    const counted = attempts.filter((attempt) => attempt !== null);
    assert.deepEqual(
      counted.map(({ failedAttempts, lockedUntil }) => [failedAttempts, lockedUntil]),
      [
        [1, null],
        [2, null],
        [3, NOW + 1000],
      ],
    );
    assert.equal((await countLoginAttempt(db(), ref, lockAt, NOW + 1000))?.failedAttempts, 4, 'the lock is over');
    await forgetLoginAttempts(db(), ref, NOW);
    assert.equal((await countLoginAttempt(db(), ref, lockAt, NOW))?.failedAttempts, 1);
    assert.equal(await countLoginAttempt(db(), { ...ref, userId: 'usr_nobody' }, lockAt, NOW), null);
  });

  test('a refunded attempt unlocks the account only when it was the one that locked it', async () => {
    const ref = await account();
    for (let i = 0; i < 3; i++) await countLoginAttempt(db(), ref, lockAt, NOW);
    await refundLoginAttempt(db(), ref, lockAt, NOW);
    const refunded = await findLocalCredential(db(), ref);
    assert.deepEqual([refunded?.failedAttempts, refunded?.lockedUntil], [2, null]);
    for (let i = 0; i < 2; i++) await countLoginAttempt(db(), ref, lockAt, NOW + i * 1000);
    await refundLoginAttempt(db(), ref, (failures) => (failures >= 2 ? NOW : null), NOW);
    assert.notEqual((await findLocalCredential(db(), ref))?.lockedUntil, null);
    await forgetLoginAttempts(db(), ref, NOW);
    await refundLoginAttempt(db(), ref, lockAt, NOW);
    assert.equal((await findLocalCredential(db(), ref))?.failedAttempts, 0);
  });

  test('a one-time code is accepted once, and none of an earlier step after it', async () => {
    const ref = await account();
    const used = await Promise.all(Array.from({ length: 20 }, () => useTotpStep(db(), ref, 59_000_000)));
    assert.equal(used.filter(Boolean).length, 1);
    assert.equal(await useTotpStep(db(), ref, 58_999_999), false);
    assert.equal(await useTotpStep(db(), ref, 59_000_001), true);
    await setTotpConfirmed(db(), ref, null, null);
    assert.equal((await findLocalCredential(db(), ref))?.totpLastStep, null);
    assert.equal(await useTotpStep(db(), ref, 1), true);
  });
};
