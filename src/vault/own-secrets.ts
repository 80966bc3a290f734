import { randomBytes } from 'node:crypto';
import { Secret } from '../lib/secret.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import type { SecretRef } from '../store/secrets.ts';
import { SHARED, type Vault } from './vault.ts';

/** Where a secret of the gateway itself is. No upstream can have this name, so it meets no other secret. */
export const ownEntry = (
  name: string,
  tenantId: string = DEFAULT_TENANT,
  owner: SecretRef['owner'] = SHARED,
): SecretRef => ({ tenantId, upstream: '_toolgate', owner, name });

/**
 * 32 random bytes as base64url; made at the first use and kept. Two processes that do this for the first time at the same
 * moment have different ones until one of them restarts.
 */
export async function loadOwnSecret(
  vault: Pick<Vault, 'get' | 'put'>,
  name: 'request-state-key' | 'dpop-nonce-secret' | 'oauth-server-secret' | 'totp-derivation-key' | 'connect-link-key',
  tenantId: string = DEFAULT_TENANT,
): Promise<Secret> {
  const ref = ownEntry(name, tenantId);
  const known = await vault.get(ref);
  if (known !== null) return known;
  const made = new Secret(randomBytes(32).toString('base64url'));
  await vault.put(ref, made);
  return made;
}
