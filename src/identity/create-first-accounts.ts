import { newId } from '../lib/ids.ts';
import type { Secret } from '../lib/secret.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { assignRole } from '../store/role-assignments.ts';
import { insertRole } from '../store/roles.ts';
import { insertServiceAccount } from '../store/service-accounts.ts';
import { claimSetting } from '../store/settings.ts';
import type { Database } from '../store/tables.ts';
import { transact } from '../store/transact.ts';
import { insertUser } from '../store/users.ts';
import { createKey } from '../tokens/create-key.ts';
import { createSetupLink } from './create-setup-link.ts';

/** The role of the first accounts: every tool, prompt and resource of every upstream. An ordinary role, to be narrowed. */
export const FULL_ACCESS = 'full-access';

export interface FirstAccounts {
  /** Administers the gateway and may call everything. */
  readonly ownerKey: Secret;
  /** For the first agent; may call everything, administers nothing. */
  readonly serviceKey: Secret;
  /** Of the link with which the owner chooses a password for signing in: `/setup/{token}`. */
  readonly ownerSetupToken: Secret;
}

/**
 * On the very first start: an owner and a service account with a key each. Null at every later start, also when the
 * accounts were removed since. All or nothing, and only one of several processes does it.
 */
export async function createFirstAccounts(db: Database, now: number = Date.now()): Promise<FirstAccounts | null> {
  const tenantId = DEFAULT_TENANT;
  return transact(db, async (trx) => {
    if (!(await claimSetting(trx, { tenantId, key: 'first-accounts-created' }, new Date(now).toISOString(), now)))
      return null;
    const description = 'Every tool, prompt and resource of every upstream.';
    await insertRole(trx, {
      tenantId,
      name: FULL_ACCESS,
      description,
      allow: [{ upstream: '*' }],
      deny: [],
      createdAt: now,
    });
    const owner = await insertUser(trx, {
      tenantId,
      id: newId('usr', now),
      name: 'owner',
      displayName: 'Owner',
      createdAt: now,
    });
    const agent = await insertServiceAccount(trx, {
      tenantId,
      id: newId('sva', now),
      name: 'first-agent',
      description: 'Made at the first start.',
      createdAt: now,
    });
    // Whoever starts the gateway for the first time may do anything with it.
    const maker = { id: owner.id, level: 'owner' } as const;
    const user = { kind: 'user', id: owner.id } as const;
    const account = { kind: 'service_account', id: agent.id } as const;
    await assignRole(trx, { tenantId, role: 'owner', subject: user }, now);
    await assignRole(trx, { tenantId, role: FULL_ACCESS, subject: user }, now);
    await assignRole(trx, { tenantId, role: FULL_ACCESS, subject: account }, now);
    const ownerKey = await createKey(trx, { tenantId, name: 'first owner key', owner: user, expiresAt: null, maker });
    const serviceKey = await createKey(trx, {
      tenantId,
      name: 'first service key',
      owner: account,
      expiresAt: null,
      maker,
    });
    const setup = await createSetupLink(trx, { userId: owner.id, purpose: 'setup', maker }, now);
    return { ownerKey: ownerKey.secret, serviceKey: serviceKey.secret, ownerSetupToken: setup.token };
  });
}
