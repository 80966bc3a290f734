import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { type CryptoKey, decodeProtectedHeader, importJWK, type JWK, type JWTPayload, jwtVerify } from 'jose';
import { AppError } from '../errors/app-error.ts';
import { DPOP_ALGORITHMS } from '../http/protected-resource-metadata.ts';
import { sha256Hex } from '../lib/sha256.ts';
import { refuseToken, TokenRefusal, toTokenRefusal } from './token-refusal.ts';

/** Age that a proof may have, and how far ahead the clock of its client may be. */
const MAX_AGE_MS = 120_000;
const MAX_AHEAD_MS = 60_000;
/** A nonce is good for one to two of these. */
const NONCE_MS = 120_000;
/** For so long, at least, a proof is remembered: longer than it could be used. */
const REMEMBER_MS = MAX_AGE_MS + MAX_AHEAD_MS;
/** Proofs per REMEMBER_MS: about 30 MB. */
const MAX_REMEMBERED = 500_000;
const MAX_JTI_CHARACTERS = 256;
const KEYS_IN_MEMORY = 10_000;

/** What a request presents beside a token that is bound to a key. */
export interface PresentedProof {
  /** The `DPoP` header; undefined when there is none. */
  readonly proof: string | undefined;
  readonly method: string;
  /** As the client knows it; query and fragment do not count. */
  readonly url: string;
}

export interface DpopVerifier {
  /** For the header `DPoP-Nonce`: with a challenge, and with any answer to a bound token (RFC 9449 §8.2). */
  nonce(): string;
  /**
   * Whether the proof shows possession of the key that the token is bound to, for this one request. Rejects with
   * `token_proof_invalid` or `token_nonce_required`.
   *
   * @param boundTo the thumbprint in the token's `cnf.jkt`.
   */
  verify(presented: PresentedProof, token: string, boundTo: string): Promise<void>;
}

/**
 * Verifies DPoP proofs at the resource server (RFC 9449 §4.3, §7, §9).
 *
 * @param nonceSecret 32 bytes that all processes share, so that each one takes the nonces of the others.
 * @param requireNonce without it, a proof made on a stolen machine for later is good until it is too old.
 *
 * Limit: which proofs were used is known to this process alone. Of several behind one address, each takes a proof once.
 */
export function createDpopVerifier({
  nonceSecret,
  requireNonce = true,
  now = Date.now,
}: {
  readonly nonceSecret: Uint8Array;
  readonly requireNonce?: boolean | undefined;
  readonly now?: (() => number) | undefined;
}): DpopVerifier {
  const used = createUsedProofs(now);
  const keys = new Map<string, CryptoKey>();

  const nonceOf = (period: number): string =>
    createHmac('sha256', nonceSecret).update(`dpop nonce ${period}`).digest('base64url');

  function isNonce(value: unknown): boolean {
    if (typeof value !== 'string') return false;
    const given = Buffer.from(value);
    const period = Math.floor(now() / NONCE_MS);
    return [nonceOf(period), nonceOf(period - 1)].some((good) => {
      const expected = Buffer.from(good);
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
  }

  async function keyOf({ alg, jwk }: { alg?: string | undefined; jwk?: JWK | undefined }, boundTo: string) {
    if (jwk === undefined || thumbprint(jwk) !== boundTo) throw refuseToken('proof_invalid', 'it is of another key');
    if ('d' in jwk) throw refuseToken('proof_invalid', 'it has a private key in it');
    const name = `${alg} ${boundTo}`;
    const known = keys.get(name);
    if (known !== undefined) return known;
    const key = (await importJWK(jwk, alg)) as CryptoKey;
    if (keys.size >= KEYS_IN_MEMORY) keys.clear();
    keys.set(name, key);
    return key;
  }

  async function read(proof: string, boundTo: string): Promise<JWTPayload> {
    const key = await keyOf(decodeProtectedHeader(proof), boundTo);
    const { payload } = await jwtVerify(proof, key, {
      algorithms: [...DPOP_ALGORITHMS],
      typ: 'dpop+jwt',
      currentDate: new Date(now()),
    });
    return payload;
  }

  return {
    nonce: () => nonceOf(Math.floor(now() / NONCE_MS)),
    async verify({ proof, method, url }, token, boundTo) {
      if (proof === undefined) throw refuseToken('proof_missing');
      const { jti, htm, htu, iat, ath, nonce } = await read(proof, boundTo).catch((error) => {
        throw toProofRefusal(error);
      });
      const time = now();
      if (htm !== method) throw refuseToken('proof_invalid', '`htm` is another method');
      if (typeof htu !== 'string' || withoutQuery(htu) !== withoutQuery(url)) {
        throw refuseToken('proof_invalid', `\`htu\` is ${JSON.stringify(htu)} and not ${withoutQuery(url)}`);
      }
      if (ath !== hash('sha256', token, 'base64url')) throw refuseToken('proof_invalid', '`ath` is another token');
      if (typeof iat !== 'number' || iat * 1000 > time + MAX_AHEAD_MS || iat * 1000 < time - MAX_AGE_MS) {
        throw refuseToken('proof_invalid', '`iat` is too far from now: check the clocks');
      }
      if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_CHARACTERS) {
        throw refuseToken('proof_invalid', 'no `jti`');
      }
      if ((requireNonce || nonce !== undefined) && !isNonce(nonce)) throw refuseToken('nonce');
      // Last, so that nobody can use up a proof, or memory, without the key.
      if (!used.add(`${boundTo} ${jti}`)) throw refuseToken('proof_replayed');
    },
  };
}

/** Remembers for REMEMBER_MS to twice that. Two sets that take turns forget the old ones at no cost. */
function createUsedProofs(now: () => number) {
  let current = new Set<string>();
  let before = new Set<string>();
  let since = now();
  return {
    /** False when it was added before. */
    add(name: string): boolean {
      const age = now() - since;
      // A clock that was set back must not make it forget, so a negative age starts the period anew.
      if (age >= REMEMBER_MS) {
        before = age >= 2 * REMEMBER_MS ? new Set() : current;
        current = new Set();
      }
      if (age < 0 || age >= REMEMBER_MS) since = now();
      const key = sha256Hex(name).slice(0, 32);
      if (current.has(key) || before.has(key)) return false;
      if (current.size >= MAX_REMEMBERED) throw new AppError('overloaded');
      current.add(key);
      return true;
    },
  };
}

/** RFC 7638, for the kinds of keys that DPOP_ALGORITHMS work with. */
function thumbprint({ kty, crv, x, y }: JWK): string | null {
  if (kty === 'EC') return hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url');
  return kty === 'OKP' ? hash('sha256', JSON.stringify({ crv, kty, x }), 'base64url') : null;
}

/** RFC 9449 §4.3: compared after normalization (RFC 3986 §6.2.2, §6.2.3), which the URL parser does. */
function withoutQuery(url: string): string | null {
  const parsed = URL.parse(url);
  if (parsed === null) return null;
  parsed.search = '';
  parsed.hash = '';
  return parsed.href;
}

/** Whatever is wrong with a proof is wrong with the proof: the token may be good. */
function toProofRefusal(error: unknown): unknown {
  const refusal = toTokenRefusal(error);
  if (!(refusal instanceof AppError)) return refuseToken('proof_invalid', 'its key cannot be read', { cause: error });
  if (refusal.cause instanceof TokenRefusal && refusal.cause.reason.startsWith('proof_')) return refusal;
  return refuseToken('proof_invalid', (refusal.cause as Error).message, { cause: error });
}
