import { DEFAULT_TENANT } from '../model/principal.ts';
import { deleteUnusedOauthClients } from '../store/oauth-clients.ts';
import { deleteOauthGrantsEndedBefore } from '../store/oauth-grants.ts';
import { deleteExpiredOauthRecords } from '../store/oauth-records.ts';
import { deleteExpiredRefreshSuccessors } from '../store/refresh-successors.ts';
import { deleteUsedTokenIdsBefore } from '../store/used-token-ids.ts';
import { trail } from './audit-trail.ts';
import type { ServerContext } from './context.ts';

const DAY_MS = 86_400_000;
/** How long people can still see what was revoked, and why. */
const ENDED_DAYS = 90;

/**
 * Removes what is over: expired records and answers, and clients that nobody used for long and that have no grant in
 * force. A client that is forgotten is told so at its next sign-in and has to register again, so the term is long.
 */
export async function sweep(context: ServerContext): Promise<void> {
  const { db, now, settings } = context;
  const time = now();
  await deleteExpiredOauthRecords(db, time);
  await deleteExpiredRefreshSuccessors(db, time);
  await deleteUsedTokenIdsBefore(db, time);
  await deleteOauthGrantsEndedBefore(db, time - ENDED_DAYS * DAY_MS);
  const unusedSince = time - settings.clients.unusedDays * DAY_MS;
  for (const source of ['dynamic', 'metadata_document'] as const) {
    const forgotten = await deleteUnusedOauthClients(db, { tenantId: DEFAULT_TENANT, source, unusedSince }, time);
    for (const id of forgotten)
      trail(context, 'client.forgotten', null, { client: { id }, target: id, reason: 'unused' });
  }
}
