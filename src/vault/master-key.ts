import { createHash, createSecretKey, hkdfSync } from 'node:crypto';
import { lengthPrefixed } from '../lib/length-prefixed.ts';
import { seal, unseal } from './sealed-box.ts';

/** Wraps the data keys of all tenants. The key itself stays inside. */
export interface MasterKey {
  /** 16 hex digits that name the key and give nothing of it away. */
  readonly id: string;
  /** Encrypts a data key, bound to its tenant and id and to this master key. */
  wrap(tenantId: string, dataKeyId: string, dataKey: Uint8Array): string;
  /** Throws when the text was not wrapped by this key for exactly this tenant and data key. */
  unwrap(tenantId: string, dataKeyId: string, wrapped: string): Buffer;
}

export const MASTER_KEY_BYTES = 32;

/** Longer keys are no mistake of security, but nobody makes one on purpose: it is likely the wrong file. */
const MAX_BYTES = 64;

const HOW_TO_MAKE_ONE = 'Make one with: openssl rand -base64 32';

/** Keys printed in standards and manuals, in hex. Those with a visible pattern are refused by `weakness` anyway. */
const PUBLISHED_KEYS: ReadonlySet<string> = new Set([
  '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4', // NIST SP 800-38A, AES-256 examples
  'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308', // GCM specification, test case 13 on
  '730ff4c7af3d46923e8ed451ee813c87f790b0a226bc96a92de49b5e9c05e1ee', // Fernet specification
]);

/** What people type in place of a key. Chance finds one of them in a random key about once in ten million. */
const PLACEHOLDERS =
  /changeme|changeit|change-me|change_me|secret|password|passphrase|example|sample|placeholder|insecure|default|toolgate|masterkey|master-key|master_key|deadbeef|replace-?me|your-?key/i;

/**
 * Reads a master key from its text form: 32 to 64 bytes as base64, base64url or (32 bytes) 64 hex digits. Throws an Error
 * that says what is wrong and how to make a key, without repeating any of it. `where` names the source in that text.
 */
export function parseMasterKey(text: string, where: string): MasterKey {
  const trimmed = text.trim();
  const refuse = (why: string) => new Error(`The master key in ${where} ${why}. ${HOW_TO_MAKE_ONE}`);
  if (trimmed === '') throw refuse('is empty');
  if (PLACEHOLDERS.test(trimmed)) throw refuse('is a placeholder or a sample, which everybody knows');
  const bytes = decode(trimmed);
  if (bytes === null) throw refuse('is neither base64 nor hex');
  if (bytes.length < MASTER_KEY_BYTES) throw refuse(`has ${bytes.length} bytes; it needs ${MASTER_KEY_BYTES}`);
  if (bytes.length > MAX_BYTES) throw refuse(`has ${bytes.length} bytes; more than ${MAX_BYTES} is no key`);
  const weak = weakness(trimmed, bytes);
  if (weak !== null) throw refuse(weak);
  return masterKeyOf(bytes);
}

function masterKeyOf(bytes: Uint8Array): MasterKey {
  // HKDF (RFC 5869) gives a key for this one use, so that the id below and the wrapping never meet on the same value.
  const wrapping = createSecretKey(Buffer.from(hkdfSync('sha256', bytes, '', 'toolgate master key: wrap', 32)));
  const id = createHash('sha256').update('toolgate master key: id\0').update(bytes).digest('hex').slice(0, 16);
  const aad = (tenantId: string, dataKeyId: string) => lengthPrefixed(['toolgate data key', tenantId, dataKeyId, id]);
  return {
    id,
    wrap: (tenantId, dataKeyId, dataKey) => seal(wrapping, dataKey, aad(tenantId, dataKeyId)),
    unwrap: (tenantId, dataKeyId, wrapped) => unseal(wrapping, wrapped, aad(tenantId, dataKeyId)),
  };
}

/** 64 hex digits are also valid base64, of 48 bytes; nobody means that. */
function decode(text: string): Buffer | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  if (!/^[0-9A-Za-z+/_-]+={0,2}$/.test(text)) return null;
  return Buffer.from(text, 'base64');
}

/**
 * Why a key of the right length is no random one, or null. A random key of 32 bytes fails one of these with a probability
 * below 10^-10; what passes may still be guessable, no test can tell.
 */
function weakness(text: string, bytes: Buffer): string | null {
  if (PUBLISHED_KEYS.has(bytes.toString('hex'))) return 'is a published sample key';
  const looksMade = 'is not random: it repeats itself or follows a pattern';
  if (new Set(bytes).size < 16) return looksMade;
  if (new Set(bytes.map((byte, i) => byte - (bytes[i - 1] ?? 0))).size < 8) return looksMade;
  if (isPeriodic(bytes) || isPeriodic(Buffer.from(text.replace(/=+$/, '')))) return looksMade;
  if (bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d)) {
    return 'is text in base64, not random bytes';
  }
  return null;
}

/** Whether the first half or less, repeated, gives the whole. */
function isPeriodic(bytes: Buffer): boolean {
  for (let period = 1; period <= bytes.length / 2; period++) {
    if (bytes.subarray(period).equals(bytes.subarray(0, bytes.length - period))) return true;
  }
  return false;
}
