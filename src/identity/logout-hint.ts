import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * The ID token that the provider wants to see again when the person signs out (`id_token_hint`, OpenID Connect
 * RP-Initiated Logout 1.0 §2). It says who somebody is, so it is encrypted under the session id, which only the browser has.
 */
export function sealLogoutHint(sessionId: string, idToken: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, keyOf(sessionId), nonce);
  const sealed = Buffer.concat([cipher.update(idToken, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** Null for what was not sealed under this session id. */
export function openLogoutHint(sessionId: string, hint: string): string | null {
  const bytes = Buffer.from(hint, 'base64url');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const decipher = createDecipheriv(ALGORITHM, keyOf(sessionId), bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    return null;
  }
}

const keyOf = (sessionId: string): Uint8Array => new Uint8Array(hkdfSync('sha256', sessionId, '', 'logout-hint', 32));
