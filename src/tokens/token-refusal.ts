import { errors } from 'jose';
import { AppError } from '../errors/app-error.ts';
import type { ErrorCode } from '../errors/catalog.ts';

/** Why an access token was refused. For the log and the audit record; the caller learns the code alone. */
export type TokenRefusalReason =
  | 'malformed'
  | 'unknown_issuer'
  | 'algorithm'
  | 'unknown_key'
  | 'signature'
  /** It is no access token, or lacks or contradicts what one must say; `detail` names the claim. */
  | 'claims'
  | 'not_yet_valid'
  | 'expired'
  | 'audience'
  /** The issuer says that it is not (any more) in force. */
  | 'inactive'
  | 'grant_revoked'
  | 'client_revoked'
  | 'unknown_principal'
  | 'principal_disabled'
  /** From before the principal was last disabled. */
  | 'outdated'
  | 'proof_missing'
  | 'proof_invalid'
  | 'proof_replayed'
  | 'nonce';

/**
 * What a caller is told. A distinct code for what the owner of a good token meets: whoever made the token up does not
 * get that far, since expiry, audience and proof are looked at after the signature.
 */
const CODES: Partial<Record<TokenRefusalReason, ErrorCode>> = {
  expired: 'token_expired',
  audience: 'token_audience',
  proof_missing: 'token_proof_invalid',
  proof_invalid: 'token_proof_invalid',
  proof_replayed: 'token_proof_invalid',
  nonce: 'token_nonce_required',
};

/** The `cause` of the AppError that a refused access token gives. */
export class TokenRefusal extends Error {
  readonly reason: TokenRefusalReason;

  constructor(reason: TokenRefusalReason, detail?: string, options?: { cause?: unknown }) {
    super(`An access token was refused: ${reason}${detail === undefined ? '' : ` (${detail})`}`, options);
    this.name = 'TokenRefusal';
    this.reason = reason;
  }
}

/** @param detail for operators: what was expected. Claims that name things are fine, the token itself is not. */
export function refuseToken(reason: TokenRefusalReason, detail?: string, options?: { cause?: unknown }): AppError {
  return new AppError(CODES[reason] ?? 'credential_invalid', undefined, {
    cause: new TokenRefusal(reason, detail, options),
  });
}

/** What an error of jose means; whatever else was thrown stays itself. */
export function toTokenRefusal(error: unknown): unknown {
  if (!(error instanceof errors.JOSEError)) return error;
  const cause = { cause: error };
  if (error instanceof errors.JWTExpired) return refuseToken('expired', undefined, cause);
  if (error instanceof errors.JWTClaimValidationFailed) {
    const early = error.claim === 'nbf' && error.reason === 'check_failed';
    return refuseToken(early ? 'not_yet_valid' : 'claims', error.message, cause);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return refuseToken('algorithm', undefined, cause);
  if (error instanceof errors.JWSSignatureVerificationFailed) return refuseToken('signature', undefined, cause);
  if (error instanceof errors.JWKSNoMatchingKey) return refuseToken('unknown_key', undefined, cause);
  return refuseToken('malformed', error.message, cause);
}
