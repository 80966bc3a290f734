import { findAccessKey } from '../store/access-keys.ts';
import type { Database } from '../store/database.ts';
import { findOauthClient } from '../store/oauth-clients.ts';

/** What people call the agent with this id (an access key or an OAuth client); null when it is gone. */
export async function agentName(db: Database, ref: { tenantId: string; id: string }): Promise<string | null> {
  const { tenantId, id } = ref;
  if (id.startsWith('key_')) return (await findAccessKey(db, { tenantId, id }))?.name ?? null;
  return (await findOauthClient(db, { tenantId, id }))?.name ?? null;
}
