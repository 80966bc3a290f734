import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFirstAccounts } from '../src/identity/create-first-accounts.ts';
import { newId } from '../src/lib/ids.ts';
import { Secret } from '../src/lib/secret.ts';
import { DEFAULT_TENANT } from '../src/model/principal.ts';
import type { RoleRule } from '../src/model/role.ts';
import { type Database, openDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import { assignRole } from '../src/store/role-assignments.ts';
import { insertRole } from '../src/store/roles.ts';
import { insertServiceAccount } from '../src/store/service-accounts.ts';
import { insertUser } from '../src/store/users.ts';
import { createKey } from '../src/tokens/create-key.ts';
import { loadMasterKey } from '../src/vault/load-master-key.ts';
import { openVault } from '../src/vault/vault.ts';
import { startToolgate, type TestGateway, type TestGatewayOptions } from './harness.ts';

const tenantId = DEFAULT_TENANT;

/** Somebody with one key, and with a role of their own when `allow` or `deny` is given. */
export interface Person {
  readonly kind?: 'user' | 'service_account';
  readonly allow?: readonly RoleRule[];
  readonly deny?: readonly RoleRule[];
  /** More roles, by name: of `roles`, or of another person (`role-of-NAME`). */
  readonly roles?: readonly string[];
  /** Limits of the key. */
  readonly key?: {
    readonly cidrs?: readonly string[];
    readonly tools?: readonly string[];
    readonly roles?: readonly string[];
    readonly expiresAt?: number;
  };
  /** Header values in the vault: by upstream, then by header name. */
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface PeopleOptions<Name extends string> extends Omit<TestGatewayOptions, 'dataDir' | 'access'> {
  readonly people: Readonly<Record<Name, Person>>;
  readonly roles?: Readonly<Record<string, { allow?: readonly RoleRule[]; deny?: readonly RoleRule[] }>>;
}

export interface PeopledGateway<Name extends string> extends TestGateway {
  readonly keys: Readonly<Record<Name, string>>;
  readonly keyIds: Readonly<Record<Name, string>>;
  /** Of the principals. */
  readonly ids: Readonly<Record<Name, string>>;
}

/** The real gateway with people in its data folder from the start. */
export async function startWithPeople<Name extends string>(
  options: PeopleOptions<Name>,
): Promise<PeopledGateway<Name>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'toolgate-test-'));
  const db = await openDatabase({ file: join(dataDir, 'toolgate.db') });
  await migrate(db);
  const { ownerKey, serviceKey } = (await createFirstAccounts(db))!;
  for (const [name, { allow = [], deny = [] }] of Object.entries(options.roles ?? {})) {
    await insertRole(db, { tenantId, name, description: '', allow, deny, createdAt: 1 });
  }
  const keys: Record<string, string> = {};
  const keyIds: Record<string, string> = {};
  const ids: Record<string, string> = {};
  for (const [name, person] of Object.entries<Person>(options.people)) {
    const owner = await insertPrincipal(db, name, person);
    const created = await createKey(db, { tenantId, name: `key of ${name}`, owner, expiresAt: null, ...person.key });
    keys[name] = created.secret.reveal();
    keyIds[name] = created.key.id;
    ids[name] = owner.id;
  }
  await storeSecrets(db, dataDir, ids, options.people);
  await db.destroy();
  const gateway = await startToolgate({ ...options, dataDir });
  const as = { ownerKey: ownerKey.reveal(), serviceKey: serviceKey.reveal() };
  return {
    ...gateway,
    ...as,
    keys: keys as Record<Name, string>,
    keyIds: keyIds as Record<Name, string>,
    ids: ids as Record<Name, string>,
    admin: (method, path, body, given = {}) => gateway.admin(method, path, body, { key: as.ownerKey, ...given }),
    async close() {
      await gateway.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function insertPrincipal(db: Database, name: string, { kind = 'user', allow, deny, roles = [] }: Person) {
  const id = newId(kind === 'user' ? 'usr' : 'sva');
  if (kind === 'user') await insertUser(db, { tenantId, id, name, displayName: name, createdAt: 1 });
  else await insertServiceAccount(db, { tenantId, id, name, description: '', createdAt: 1 });
  const subject = { kind, id };
  if (allow !== undefined || deny !== undefined) {
    const role = `role-of-${name}`;
    await insertRole(db, { tenantId, name: role, description: '', allow: allow ?? [], deny: deny ?? [], createdAt: 1 });
    await assignRole(db, { tenantId, role, subject });
  }
  for (const role of roles) await assignRole(db, { tenantId, role, subject });
  return subject;
}

async function storeSecrets(
  db: Database,
  dataDir: string,
  ids: Readonly<Record<string, string>>,
  people: Readonly<Record<string, Person>>,
): Promise<void> {
  const owned = Object.entries(people).filter(([, { secrets }]) => secrets !== undefined);
  if (owned.length === 0) return;
  const vault = await openVault({ db, masterKey: await loadMasterKey({ file: join(dataDir, 'master.key') }) });
  for (const [person, { kind = 'user', secrets }] of owned) {
    for (const [upstream, headers] of Object.entries(secrets!)) {
      for (const [name, value] of Object.entries(headers)) {
        await vault.put({ tenantId, upstream, owner: { kind, id: ids[person]! }, name }, new Secret(value));
      }
    }
  }
}
