import { type JWTHeaderParameters, jwtVerify } from 'jose';
import { SIGNING_ALGORITHM, type SigningKeys } from './signing-keys.ts';
import { refuseToken, toTokenRefusal } from './token-refusal.ts';
import { boundKey, checkTimes, LEEWAY_MS, requiredClaim, scopesOf, type VerifiedToken } from './verified-token.ts';

/** What an access token of our own says (RFC 9068). */
export interface OwnToken extends VerifiedToken {
  readonly principalId: string;
  /** The principal's epoch when the token was issued. */
  readonly epoch: number;
  readonly clientId: string;
  /** Null for client credentials and assertions. */
  readonly grantId: string | null;
}

/** Another process may have rotated; nobody can make this one read the database more often by inventing keys. */
const RELOAD_EVERY_MS = 1000;

/**
 * Verifies signature and form of our own access tokens. Who they speak of, and whether that still holds, is not looked
 * at. Rejects with `credential_invalid` or `token_expired`.
 */
export function createOwnTokens({
  issuer,
  signingKeys,
  now = Date.now,
}: {
  readonly issuer: () => string;
  readonly signingKeys: Pick<SigningKeys, 'publicKey' | 'tick'>;
  readonly now?: (() => number) | undefined;
}): (token: string) => Promise<OwnToken> {
  let reloadedAt = Number.NEGATIVE_INFINITY;
  let reload: Promise<void> | undefined;

  /** One read of the database serves all who wait. */
  async function publicKey({ kid }: JWTHeaderParameters) {
    if (typeof kid !== 'string') throw refuseToken('unknown_key');
    const known = signingKeys.publicKey(kid);
    if (known !== undefined) return known;
    if (reload === undefined && performance.now() - reloadedAt >= RELOAD_EVERY_MS) {
      reloadedAt = performance.now();
      reload = signingKeys.tick().finally(() => {
        reload = undefined;
      });
    }
    await reload;
    return signingKeys.publicKey(kid) ?? Promise.reject(refuseToken('unknown_key'));
  }

  return async (token) => {
    const time = now();
    try {
      const { payload } = await jwtVerify(token, publicKey, {
        algorithms: [SIGNING_ALGORITHM],
        typ: 'at+jwt',
        issuer: issuer(),
        requiredClaims: ['aud', 'iat', 'jti'],
        clockTolerance: LEEWAY_MS / 1000,
        currentDate: new Date(time),
      });
      const { aud, epoch, grant_id: grantId } = payload;
      const [resource, ...more] = Array.isArray(aud) ? aud : [aud];
      if (typeof resource !== 'string' || more.length > 0) throw refuseToken('claims', '`aud` is not one resource');
      if (typeof epoch !== 'number') throw refuseToken('claims', 'no `epoch`');
      if (grantId !== undefined && typeof grantId !== 'string') throw refuseToken('claims', '`grant_id`');
      return {
        principalId: requiredClaim(payload, 'sub'),
        clientId: requiredClaim(payload, 'client_id'),
        epoch,
        grantId: grantId ?? null,
        resources: [resource],
        expiresAt: checkTimes(payload, time),
        scopes: scopesOf(payload),
        boundTo: boundKey(payload),
      };
    } catch (error) {
      throw toTokenRefusal(error);
    }
  };
}
