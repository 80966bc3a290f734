import { randomBytes } from 'node:crypto';
import { Secret } from '../lib/secret.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { SHARED, type Vault } from '../vault/vault.ts';

/** No upstream can have this name, so the gateway's own secrets meet no other. */
const OWN = '_toolgate';

/** 32 random bytes as base64url; made at the first start and kept in the vault. */
export async function loadOwnSecret(vault: Vault, name: 'request-state-key' | 'dpop-nonce-secret'): Promise<Secret> {
  const ref = { tenantId: DEFAULT_TENANT, upstream: OWN, owner: SHARED, name };
  const known = await vault.get(ref);
  if (known !== null) return known;
  const made = new Secret(randomBytes(32).toString('base64url'));
  await vault.put(ref, made);
  return made;
}
