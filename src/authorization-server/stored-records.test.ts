import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { newId } from '../lib/ids.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { findOauthGrant, insertOauthGrant } from '../store/oauth-grants.ts';
import type { ServerContext } from './context.ts';
import { loadOidcLibrary } from './oidc-library.ts';
import { storedRecords } from './stored-records.ts';

const tenantId = DEFAULT_TENANT;

async function start(t: TestContext) {
  const db = await openDatabase({ file: ':memory:' });
  t.after(() => db.destroy());
  await migrate(db);
  const revoked: string[] = [];
  const context = {
    db,
    now: Date.now,
    onGrantRevoked: (id: string) => void revoked.push(id),
  } as unknown as ServerContext;
  const library = await loadOidcLibrary();
  return { db, revoked, of: (kind: string) => storedRecords(kind, context, library) };
}

test('of two requests that have both seen a code unused, one goes on, and the grant ends', async (t) => {
  const { db, revoked, of } = await start(t);
  const id = newId('grt');
  const grant = { clientId: 'c', clientName: 'c', resource: 'r', scopes: [], payload: {}, address: '' };
  const principal = { kind: 'user', id: 'usr_1' } as const;
  await insertOauthGrant(db, { tenantId, id, principal, ...grant, createdAt: Date.now(), expiresAt: null });
  const codes = of('AuthorizationCode');
  await codes.upsert('the-code', { grantId: id, clientId: 'c' }, 60);
  const seen = [await codes.find('the-code'), await codes.find('the-code')];
  assert.deepEqual(
    seen.map((code) => code?.consumed),
    [undefined, undefined],
  );
  await codes.consume('the-code');
  await assert.rejects(async () => codes.consume('the-code'), { error: 'invalid_grant' });
  assert.deepEqual(revoked, [id]);
  assert.notEqual((await findOauthGrant(db, { tenantId, id }))!.revokedAt, null);
  assert.equal(await codes.find('the-code'), undefined);
});

test('of two proofs with one id that both looked new, one counts', async (t) => {
  const { of } = await start(t);
  const proofs = of('ReplayDetection');
  await proofs.upsert('proof', { iss: 'c' }, 60);
  await assert.rejects(async () => proofs.upsert('proof', { iss: 'c' }, 60), { error: 'invalid_grant' });
});

test('the hash of an id is no id, but for a device code that was found by its user code', async (t) => {
  const { db, of } = await start(t);
  for (const kind of ['RefreshToken', 'AuthorizationCode', 'Interaction', 'DeviceCode']) {
    const records = of(kind);
    await records.upsert('secret', { clientId: 'c', uid: 'uid', userCode: 'USERCODE' }, 60);
    const { id_hash: hash } = await db
      .selectFrom('oauth_records')
      .selectAll()
      .where('kind', '=', kind)
      .executeTakeFirstOrThrow();
    assert.equal(await records.find(hash), undefined);
    const byHandle = await records.find(`sha256:${hash}`);
    assert.equal(byHandle === undefined, kind !== 'DeviceCode', kind);
  }
  const found = await of('DeviceCode').findByUserCode('USERCODE');
  assert.match(String(found?.jti), /^sha256:/);
});
