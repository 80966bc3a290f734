import { isDeepStrictEqual } from 'node:util';
import { isOauth, type UpstreamAuth } from '../model/upstream.ts';
import type { Database } from '../store/database.ts';
import { endConnectionsOfUpstream } from '../store/ending-connections.ts';
import { insertUpstream, type StoredUpstream, updateUpstream } from '../store/upstreams.ts';
import { orStale } from './etag.ts';
import { removeCredentials } from './stored-credentials.ts';
import type { UpstreamSettings } from './upstream-schemas.ts';
import { storedConfig, upstreamOf } from './upstream-view.ts';

/** Adds an upstream. What an earlier one of this name has left, in the vault or at providers, must not serve this one. */
export async function createUpstream(
  trx: Database,
  tenantId: string,
  { name, ...settings }: UpstreamSettings & { name: string },
): Promise<StoredUpstream> {
  await removeCredentials(trx, { tenantId, upstream: name });
  await endConnectionsOfUpstream(trx, { tenantId, upstream: name });
  const { enabled } = settings;
  return insertUpstream(trx, { tenantId, name, enabled, config: storedConfig(settings), createdAt: Date.now() });
}

/**
 * Gives an upstream other settings. Credentials are bound to where they were meant for: when the origin of the URL or the
 * provider changes they are removed and connections end, or whoever may change a URL could have them sent to a server of
 * their own. Tokens of connections that end are revoked where they came from.
 */
export async function replaceUpstream(
  trx: Database,
  stored: StoredUpstream,
  settings: UpstreamSettings,
): Promise<{ changed: StoredUpstream; credentialsRemoved: number }> {
  const { tenantId, name, version } = stored;
  const before = upstreamOf(stored);
  const moved =
    new URL(before.url).origin !== new URL(settings.url).origin ||
    !isDeepStrictEqual(providerOf(before.auth), providerOf(settings.auth));
  const credentialsRemoved = moved ? await removeCredentials(trx, { tenantId, upstream: name }) : 0;
  if (moved) await endConnectionsOfUpstream(trx, { tenantId, upstream: name });
  const patch = { config: storedConfig(settings), enabled: settings.enabled };
  return { changed: orStale(await updateUpstream(trx, stored, version, patch)), credentialsRemoved };
}

/** Whom the secrets of an upstream are shown to, beside itself, and what they stand for. Null: nobody. */
function providerOf(auth: UpstreamAuth): object | null {
  if (!isOauth(auth)) return null;
  const { preset, issuer, client } = auth.oauth;
  return { kind: auth.kind, preset, issuer, client: client?.id ?? null };
}
