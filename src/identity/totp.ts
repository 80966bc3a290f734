import { hkdfSync } from 'node:crypto';
import { Secret as OtpSecret, TOTP } from 'otpauth';
import { Secret } from '../lib/secret.ts';
import type { SecretRef } from '../store/secrets.ts';
import { ownEntry } from '../vault/own-secrets.ts';

const SECRET_BYTES = 20;
const PERIOD_SECONDS = 30;
/** One step early or late: clocks of phones are not exact (RFC 6238 §5.2). */
const WINDOW = 1;

/** Where the TOTP secret of a user is. It goes with the user's row. */
export const totpEntry = (tenantId: string, userId: string): SecretRef =>
  ownEntry('totp', tenantId, { kind: 'user', id: userId });

/**
 * The secret that a setup link offers, the same however often its page is opened, without being stored before the person
 * takes it. `key` is the gateway's own: with the link alone, which may stay in a mailbox, nobody can compute it.
 */
export function totpSecretFor(linkToken: string, key: Secret): Secret {
  const bytes = new Uint8Array(hkdfSync('sha256', key.reveal(), linkToken, 'totp', SECRET_BYTES));
  return new Secret(new OtpSecret({ buffer: bytes.buffer }).base32);
}

/** For an authenticator app. `issuer`: how the app names the gateway. */
export function totpUri(secret: Secret, userName: string, issuer: string): string {
  return totpOf(secret, userName, issuer).toString();
}

/**
 * The time step that a code of six digits belongs to, null when it is wrong. The same code is right for a minute and a
 * half, so the caller sees to it that no step is used twice.
 */
export function totpStep(secret: Secret, code: string, now: number): number | null {
  const digits = code.replaceAll(/\s/g, '');
  if (!/^\d{6}$/.test(digits)) return null;
  const delta = totpOf(secret).validate({ token: digits, timestamp: now, window: WINDOW });
  return delta === null ? null : Math.floor(now / 1000 / PERIOD_SECONDS) + delta;
}

// SHA-1, six digits, 30 seconds: the one combination that every authenticator app knows.
const totpOf = (secret: Secret, label = '', issuer = ''): TOTP =>
  new TOTP({
    issuer,
    label,
    algorithm: 'SHA1',
    digits: 6,
    period: PERIOD_SECONDS,
    secret: OtpSecret.fromBase32(secret.reveal()),
  });
