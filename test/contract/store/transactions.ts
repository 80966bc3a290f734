import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deleteGroup } from '../../../src/store/groups.ts';
import { loadKeyByHash } from '../../../src/store/load-key-by-hash.ts';
import { findSetting, putSetting } from '../../../src/store/settings.ts';
import { transact } from '../../../src/store/transact.ts';
import { findUser, listUsers } from '../../../src/store/users.ts';
import { newGroup, newTenant, newUser, rejectsWith, type Suite } from './fixture.ts';

export const transactions: Suite = (db) => {
  test('what a transaction did is there when it resolves, and gone when it rejects', async () => {
    const tenantId = await newTenant(db());
    const kept = await transact(db(), (trx) => newUser(trx, tenantId));
    const failed = transact(db(), async (trx) => {
      await newUser(trx, tenantId);
      throw new Error('changed my mind');
    });
    await assert.rejects(failed, /changed my mind/);
    assert.deepEqual((await listUsers(db(), { tenantId, limit: 9 })).items, [kept]);
  });

  test('a conflict undoes the whole transaction and leaves the database usable', async () => {
    const tenantId = await newTenant(db());
    await newUser(db(), tenantId, 'ann');
    const work = transact(db(), async (trx) => {
      await newUser(trx, tenantId, 'bob');
      await newUser(trx, tenantId, 'ANN');
    });
    await rejectsWith('conflict', work);
    assert.equal((await listUsers(db(), { tenantId, limit: 9 })).items.length, 1);
    await newUser(db(), tenantId, 'bob');
  });

  test('a query function that needs a transaction joins the one it is given', async () => {
    const tenantId = await newTenant(db());
    const group = await newGroup(db(), tenantId);
    const failed = transact(db(), async (trx) => {
      assert.equal(await deleteGroup(trx, group), true);
      throw new Error('undo');
    });
    await assert.rejects(failed, /undo/);
    assert.equal(await deleteGroup(db(), group), true);
  });

  test('simultaneous transactions run one after the other and see whole states only', async () => {
    const ref = { tenantId: await newTenant(db()), key: 'counter' };
    await putSetting(db(), ref, '0');
    const increment = () =>
      transact(db(), async (trx) => {
        const value = Number(await findSetting(trx, ref));
        await putSetting(trx, ref, 'half-done');
        await putSetting(trx, ref, String(value + 1));
      });
    const reads: Promise<string | null>[] = [];
    const work = Array.from({ length: 20 }, () => {
      reads.push(findSetting(db(), ref));
      return increment();
    });
    await Promise.all(work);
    assert.equal(await findSetting(db(), ref), '20');
    assert.ok((await Promise.all(reads)).every((value) => value !== 'half-done'));
  });

  test('a query on the outer database inside a transaction throws instead of waiting for ever', async () => {
    const user = await newUser(db(), await newTenant(db()));
    const outer = /inside transact\(\) would never end/;
    await assert.rejects(
      transact(db(), () => findUser(db(), user)),
      outer,
    );
    await assert.rejects(
      transact(db(), () => transact(db(), async () => {})),
      outer,
    );
    await loadKeyByHash(db(), 'x');
    await assert.rejects(
      transact(db(), () => loadKeyByHash(db(), 'x')),
      outer,
    );
    assert.deepEqual(await findUser(db(), user), user);
  });

  test('work that a transaction started and that outlives it may use the database', async () => {
    const user = await newUser(db(), await newTenant(db()));
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    let later: Promise<unknown> | undefined;
    await transact(db(), async () => {
      later = ended.then(() => findUser(db(), user));
    });
    end();
    assert.deepEqual(await later, user);
  });
};
