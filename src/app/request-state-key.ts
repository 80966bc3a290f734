import { randomBytes } from 'node:crypto';
import { Secret } from '../lib/secret.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { SHARED, type Vault } from '../vault/vault.ts';

/** No upstream can have this name, so the gateway's own secrets meet no other. */
const OWN = '_toolgate';

/** The key that seals `requestState`; made at the first start and kept in the vault. */
export async function loadRequestStateKey(vault: Vault): Promise<Secret> {
  const ref = { tenantId: DEFAULT_TENANT, upstream: OWN, owner: SHARED, name: 'request-state-key' };
  const known = await vault.get(ref);
  if (known !== null) return known;
  const made = new Secret(randomBytes(32).toString('base64url'));
  await vault.put(ref, made);
  return made;
}
