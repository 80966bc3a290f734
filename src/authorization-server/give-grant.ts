import type { BrowserSession } from '../identity/browser-sessions.ts';
import { newId } from '../lib/ids.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { findOauthClient } from '../store/oauth-clients.ts';
import { countOauthGrantsOfClient, insertOauthGrant, listSurplusOauthGrants } from '../store/oauth-grants.ts';
import type { ServerContext } from './context.ts';
import { HARMLESS_SCOPES } from './resources.ts';
import { revokeGrant } from './revoke-grant.ts';

const DAY_MS = 86_400_000;
/** Grants in force that one person may have for one client: one for each installation. */
const MAX_OF_ONE_PERSON = 50;

export interface GivenGrant {
  readonly client: { readonly id: string; readonly name: string };
  readonly user: { readonly id: string; readonly epoch: number };
  readonly resource: string;
  readonly scopes: readonly string[];
  /** The browser session that it is given in: when the identity provider ends it, the grant may have to end, too. */
  readonly session: Pick<BrowserSession, 'provider' | 'providerSession'>;
  /** Where the person is. */
  readonly address: string;
}

/**
 * Whether the client may have one more grant: open registration must not fill the database. Clients that were declared, and
 * those of a metadata document, have no such limit: one of them serves everybody.
 */
export async function mayHaveGrant({ db, settings, now }: ServerContext, clientId: string): Promise<boolean> {
  const client = await findOauthClient(db, { tenantId: DEFAULT_TENANT, id: clientId });
  if (client?.source !== 'dynamic') return true;
  const inForce = await countOauthGrantsOfClient(db, { tenantId: DEFAULT_TENANT, clientId }, now());
  return inForce < settings.clients.grantsPerClient;
}

/**
 * Makes the grant that a person has just agreed to, in the shape that the library reads. Returns its id. Those that the
 * person has not used for longest end when there are too many: nobody may use up alone what a client may have in all.
 */
export async function giveGrant(context: ServerContext, given: GivenGrant): Promise<string> {
  const { db, now, settings } = context;
  const id = newId('grt', now());
  const createdAt = now();
  const expiresAt = createdAt + settings.grantDays * DAY_MS;
  const { client, user, resource, scopes } = given;
  await insertOauthGrant(db, {
    tenantId: DEFAULT_TENANT,
    id,
    clientId: client.id,
    clientName: client.name,
    principal: { kind: 'user', id: user.id },
    resource,
    scopes,
    payload: {
      kind: 'Grant',
      iat: Math.floor(createdAt / 1000),
      exp: Math.floor(expiresAt / 1000),
      accountId: user.id,
      clientId: client.id,
      epoch: user.epoch,
      provider: given.session.provider,
      providerSession: given.session.providerSession,
      resources: { [resource]: scopes.join(' ') },
      openid: { scope: HARMLESS_SCOPES.join(' ') },
    },
    address: given.address,
    createdAt,
    expiresAt,
  });
  const ofPerson = { tenantId: DEFAULT_TENANT, clientId: client.id, principalId: user.id, keep: MAX_OF_ONE_PERSON };
  for (const surplus of await listSurplusOauthGrants(db, ofPerson, createdAt)) {
    await revokeGrant(context, surplus, 'replaced_by_newer');
  }
  return id;
}
