import type { SecretRef } from '../store/secrets.ts';
import { SHARED } from '../vault/vault.ts';

/** No upstream can have this name, so what the gateway keeps for itself meets no other secret. */
const OWN = '_toolgate';

/** Where the TOTP secret of a user is. It goes with the user's row. */
export const totpEntry = (tenantId: string, userId: string): SecretRef => ({
  tenantId,
  upstream: OWN,
  owner: { kind: 'user', id: userId },
  name: 'totp',
});

/** Where the key is that TOTP secrets of setup links are derived with. */
export const totpKeyEntry = (tenantId: string): SecretRef => ({
  tenantId,
  upstream: OWN,
  owner: SHARED,
  name: 'totp-derivation-key',
});
