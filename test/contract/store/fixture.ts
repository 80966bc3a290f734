import assert from 'node:assert/strict';
import type { ErrorCode } from '../../../src/errors/catalog.ts';
import { newId } from '../../../src/lib/ids.ts';
import { sha256Hex } from '../../../src/lib/sha256.ts';
import { insertAccessKey, type NewAccessKey, type StoredAccessKey } from '../../../src/store/access-keys.ts';
import { insertDataKey, type StoredDataKey } from '../../../src/store/data-keys.ts';
import type { Database } from '../../../src/store/database.ts';
import { type Group, insertGroup } from '../../../src/store/groups.ts';
import type { Page } from '../../../src/store/page.ts';
import { insertSecret, type SecretRef, type StoredSecret } from '../../../src/store/secrets.ts';
import { insertServiceAccount, type ServiceAccount } from '../../../src/store/service-accounts.ts';
import { insertTenant } from '../../../src/store/tenants.ts';
import { insertUser, type User } from '../../../src/store/users.ts';

/** A part of the contract: registers its tests. `db()` is open and migrated while they run. */
export type Suite = (db: () => Database) => void;

/** Larger than 32 bits and than any sum of small test numbers. */
export const NOW = 1_790_000_000_123;

let count = 0;

/** Tests share a database; each works in a tenant of its own. */
export async function newTenant(db: Database): Promise<string> {
  const id = `tenant-${++count}`;
  await insertTenant(db, { id, name: `Tenant ${count}`, createdAt: NOW });
  return id;
}

export function newUser(db: Database, tenantId: string, name = `user-${++count}`): Promise<User> {
  return insertUser(db, { tenantId, id: newId('usr'), name, displayName: 'Someone', createdAt: NOW });
}

export function newServiceAccount(
  db: Database,
  tenantId: string,
  name = `machine-${++count}`,
): Promise<ServiceAccount> {
  return insertServiceAccount(db, { tenantId, id: newId('sva'), name, description: 'Something', createdAt: NOW });
}

export function newGroup(db: Database, tenantId: string, name = `group-${++count}`): Promise<Group> {
  return insertGroup(db, { tenantId, id: newId('grp'), name, description: 'Some people', createdAt: NOW });
}

export function newKey(
  db: Database,
  owner: User | ServiceAccount,
  more: Partial<NewAccessKey> = {},
): Promise<StoredAccessKey> {
  return insertAccessKey(db, keyFor(owner, more));
}

export function keyFor(owner: User | ServiceAccount, more: Partial<NewAccessKey> = {}): NewAccessKey {
  const isUser = owner.id.startsWith('usr_');
  return {
    tenantId: owner.tenantId,
    id: newId('key'),
    kind: isUser ? 'personal' : 'service',
    name: 'laptop',
    hint: 'tgp_3kf9…',
    hash: sha256Hex(`key ${++count}`),
    owner: { kind: isUser ? 'user' : 'service_account', id: owner.id },
    cidrs: [],
    tools: [],
    roles: [],
    createdAt: NOW,
    expiresAt: null,
    maker: { id: 'usr_maker', level: 'admin' },
    ...more,
  };
}

export function newDataKey(db: Database, tenantId: string): Promise<StoredDataKey> {
  return insertDataKey(db, { tenantId, id: newId('dk'), wrapped: 'wrapped', masterKeyId: 'mk1', createdAt: NOW });
}

export function newSecret(db: Database, ref: SecretRef, dataKeyId: string): Promise<StoredSecret> {
  return insertSecret(db, { ...ref, id: newId('sec'), dataKeyId, envelope: 'v1.x', createdAt: NOW });
}

export const rejectsWith = (code: ErrorCode, work: Promise<unknown>, message = /./): Promise<void> =>
  assert.rejects(work, (error: Error & { code?: string }) => {
    assert.equal(error.code, code, String(error));
    assert.match(error.message, message);
    return true;
  });

/** All items of a list, page by page; checks the size of every page. */
export async function readAll<T>(limit: number, list: (after: string | null) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  for (let after: string | null = null; ; ) {
    const page: Page<T> = await list(after);
    assert.ok(page.items.length <= limit);
    items.push(...page.items);
    if (page.next === null) return items;
    assert.equal(page.items.length, limit, 'only the last page may be short');
    after = page.next;
  }
}
