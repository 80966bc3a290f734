import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM (NIST SP 800-38D) as `<iv>.<ciphertext+tag>` in base64url. The IV is random: at most 2^32 boxes per key
 * (§8.3), far more than one vault writes between two rotations.
 */
export function seal(key: KeyObject, plaintext: Uint8Array, aad: Uint8Array): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad);
  const body = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return `${iv.toString('base64url')}.${body.toString('base64url')}`;
}

/** Throws when the box was not made with this key and exactly this additional data, or was changed in any byte. */
export function unseal(key: KeyObject, box: string, aad: Uint8Array): Buffer {
  const [iv, body, ...rest] = box.split('.').map(decodeStrict);
  if (iv?.length !== IV_BYTES || body === undefined || body.length < TAG_BYTES || rest.length > 0) {
    throw new Error('It is not an AES-GCM box.');
  }
  const decipher = createDecipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
  return Buffer.concat([decipher.update(body.subarray(0, body.length - TAG_BYTES)), decipher.final()]);
}

/** Node ignores characters that are not base64url and unused trailing bits; a box has exactly one spelling here. */
function decodeStrict(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw new Error('It is not canonical base64url.');
  return bytes;
}
