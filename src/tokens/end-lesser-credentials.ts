import type { AdminLevel } from '../model/admin-level.ts';
import type { Maker } from '../model/maker.ts';
import type { PrincipalKind } from '../model/principal.ts';
import { listAccessKeys, markKeyRevoked } from '../store/access-keys.ts';
import { deleteBrowserSessionsOfUser } from '../store/browser-sessions.ts';
import type { Database } from '../store/database.ts';
import { deleteLocalCredential, findLocalCredential } from '../store/local-credentials.ts';
import { listAddedClientsOf, setOauthClientStatus } from '../store/oauth-clients.ts';
import { revokeOauthGrantsOf } from '../store/oauth-grants.ts';
import { deleteSetupLink, listUsableSetupLinks } from '../store/setup-links.ts';
import { makerReaches } from './maker-standing.ts';

/** Somebody who has just come to administer more than before. */
export interface Risen {
  readonly tenantId: string;
  readonly kind: PrincipalKind;
  readonly id: string;
  readonly level: Exclude<AdminLevel, 'none'>;
}

interface Named {
  readonly id: string;
  readonly name: string;
}

/** What ended for one principal. */
export interface EndedCredentials {
  readonly principal: { readonly kind: PrincipalKind; readonly id: string };
  readonly accessKeys: readonly Named[];
  /** OAuth clients that acted for it. */
  readonly clients: readonly Named[];
  /** A set-up or recovery link that could still be used. */
  readonly setupLink: boolean;
  /** The password with its second factor, and with it whoever was signed in by it. */
  readonly password: boolean;
}

/** For audit records. */
export const MADE_BY_LESSER = 'made_by_lesser_standing';

const PAGE = 200;

/**
 * Ends the credentials of somebody who came to administer more than who made them: whoever makes a key, or a link that
 * sets a password, may have kept it, and would now act as an owner by it. Run it in the transaction that gives the role;
 * afterwards tell the verifiers. Null: there was nothing to end.
 */
export async function endLesserCredentials(
  trx: Database,
  risen: Risen,
  now: number = Date.now(),
): Promise<EndedCredentials | null> {
  const { tenantId, kind, id, level } = risen;
  const isLesser = async (maker: Maker | null) => !(await makerReaches(trx, { tenantId, maker, ownerId: id }, level));
  const accessKeys = await endKeys(trx, risen, isLesser, now);
  const clients: Named[] = [];
  let setupLink = false;
  let password = false;
  if (kind === 'service_account') {
    for (const client of await listAddedClientsOf(trx, { tenantId, serviceAccountId: id })) {
      if (!(await isLesser(client.maker))) continue;
      await setOauthClientStatus(trx, client, client.version, 'revoked', now);
      clients.push({ id: client.id, name: client.name });
    }
  } else {
    const ref = { tenantId, userId: id };
    for (const link of await listUsableSetupLinks(trx, ref, now)) {
      if (!(await isLesser(link.maker))) continue;
      await deleteSetupLink(trx, link);
      setupLink = true;
    }
    const local = await findLocalCredential(trx, ref);
    if (local?.passwordHash != null && (await isLesser(local.maker))) {
      // The secret of the second factor stays in the vault: nothing asks for it any more, and the next link replaces it.
      password = await deleteLocalCredential(trx, ref);
      await deleteBrowserSessionsOfUser(trx, ref);
      await revokeOauthGrantsOf(trx, { tenantId, principalId: id }, MADE_BY_LESSER, now);
    }
  }
  if (accessKeys.length + clients.length === 0 && !setupLink && !password) return null;
  return { principal: { kind, id }, accessKeys, clients, setupLink, password };
}

async function endKeys(
  trx: Database,
  { tenantId, kind, id }: Risen,
  isLesser: (maker: Maker | null) => Promise<boolean>,
  now: number,
): Promise<Named[]> {
  const ended: Named[] = [];
  for (let after: string | null = null; ; ) {
    const page = await listAccessKeys(trx, { tenantId, owner: { kind, id }, after, limit: PAGE });
    for (const key of page.items) {
      const isDead = key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now);
      if (isDead || !(await isLesser(key.maker))) continue;
      await markKeyRevoked(trx, key, now);
      ended.push({ id: key.id, name: key.name });
    }
    after = page.next;
    if (after === null) return ended;
  }
}

export type EndingAction = 'key.revoke' | 'client.revoke' | 'user.end_setup_link' | 'user.end_password';

interface EndingDeed {
  readonly action: EndingAction;
  /** Id of what ended, or of whose it was. */
  readonly target: string;
}

/** One deed for the audit log for each thing that ended. */
export function deedsOf(ended: EndedCredentials): EndingDeed[] {
  const { principal, accessKeys, clients, setupLink, password } = ended;
  return [
    ...accessKeys.map(({ id }) => ({ action: 'key.revoke', target: id }) as const),
    ...clients.map(({ id }) => ({ action: 'client.revoke', target: id }) as const),
    ...(setupLink ? [{ action: 'user.end_setup_link', target: principal.id } as const] : []),
    ...(password ? [{ action: 'user.end_password', target: principal.id } as const] : []),
  ];
}
