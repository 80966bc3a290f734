import { AppError } from '../errors/app-error.ts';

/** Why a credential was refused. For the log and the audit record only: the caller is told one and the same thing. */
export type RefusalReason =
  | 'malformed'
  | 'unknown'
  | 'revoked'
  | 'expired'
  | 'owner_disabled'
  /** The one reason that the caller learns, as `address_not_allowed`. */
  | 'address_not_allowed';

/** The `cause` of the AppError that a refused credential gives. */
export class CredentialRefusal extends Error {
  readonly reason: RefusalReason;
  /** Whose credential it was, when the key is known. */
  readonly keyId: string | undefined;
  readonly principalId: string | undefined;

  constructor(reason: RefusalReason, of: { keyId?: string; principalId?: string } = {}) {
    super(
      of.keyId ? `The key ${of.keyId} of ${of.principalId} was refused: ${reason}` : `A key was refused: ${reason}`,
    );
    this.name = 'CredentialRefusal';
    this.reason = reason;
    this.keyId = of.keyId;
    this.principalId = of.principalId;
  }
}

/** The error that the caller gets. Whoever tries keys out cannot tell a wrong one from one that once was right. */
export function refuseCredential(reason: RefusalReason, of?: { keyId: string; principalId: string }): AppError {
  const cause = new CredentialRefusal(reason, of);
  const code = reason === 'address_not_allowed' ? 'address_not_allowed' : 'credential_invalid';
  return new AppError(code, undefined, { cause });
}
