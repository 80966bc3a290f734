import { hkdfSync } from 'node:crypto';
import { Secret } from '../lib/secret.ts';
import { loadOwnSecret } from '../vault/own-secrets.ts';
import type { Vault } from '../vault/vault.ts';

/** Keys of the authorization server that never leave it. All replicas have the same. */
export interface ServerSecrets {
  /** Signs the cookies of an authorization that is under way. */
  readonly cookieKey: Secret;
  /** 32 bytes that DPoP nonces are derived from (RFC 9449 §8). */
  readonly nonceSecret: Buffer;
}

/** Derived from one secret, which is made at the first start and kept in the vault. */
export async function loadServerSecrets(vault: Pick<Vault, 'get' | 'put'>): Promise<ServerSecrets> {
  const root = await loadOwnSecret(vault, 'oauth-server-secret');
  const derive = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', Buffer.from(root.reveal(), 'base64url'), '', `toolgate ${purpose}`, 32));
  return { cookieKey: new Secret(derive('oauth cookies').toString('base64url')), nonceSecret: derive('dpop nonces') };
}
