import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { base62 } from '../lib/base62.ts';
import { Secret } from '../lib/secret.ts';
import { sha256Hex } from '../lib/sha256.ts';
import type { AccessKeyKind } from '../model/access-key.ts';

const PREFIX = { personal: 'tgp_', service: 'tgs_' } as const satisfies Record<AccessKeyKind, string>;
/** 62^43 is just above 2^256. */
const RANDOM_CHARACTERS = 43;
const CHECKSUM_CHARACTERS = 6;
const FORM = /^tg[ps]_[0-9A-Za-z]{49}$/;

/**
 * A new key: prefix, 256 random bits and a checksum, 53 characters. `hash` is what is stored, `hint` what is shown later.
 * A plain SHA-256 is enough to store, there is nothing to guess in 256 random bits that a slow hash would protect.
 */
export function mintAccessKey(kind: AccessKeyKind): { secret: Secret; hash: string; hint: string } {
  const random = BigInt(`0x${randomBytes(32).toString('hex')}`);
  const body = PREFIX[kind] + base62(random, RANDOM_CHARACTERS);
  const text = body + checksumOf(body);
  return { secret: new Secret(text), hash: sha256Hex(text), hint: `${text.slice(0, 8)}…` };
}

/**
 * Whether the text has the form of a key, checksum included: what has not is refused without any lookup. `hash` is the
 * SHA-256 of the whole text, lower-case hex (CVE-2026-35039: a cache keyed by a part of a token mixes up callers).
 */
export function parseAccessKey(text: string): { kind: AccessKeyKind; hash: string } | null {
  if (!FORM.test(text)) return null;
  const body = text.slice(0, -CHECKSUM_CHARACTERS);
  if (text.slice(-CHECKSUM_CHARACTERS) !== checksumOf(body)) return null;
  return { kind: text.startsWith(PREFIX.personal) ? 'personal' : 'service', hash: sha256Hex(text) };
}

/** CRC-32 lets secret scanners tell a leaked key from a look-alike. It is no protection and need not be one. */
function checksumOf(body: string): string {
  return base62(BigInt(crc32(body)), CHECKSUM_CHARACTERS);
}
