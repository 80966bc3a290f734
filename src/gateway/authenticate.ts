import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error.ts';
import { presentedCredential } from '../http/presented-credential.ts';
import type { Caller } from '../model/principal.ts';

/** What a credential is used for: from where, and on which resource (`/mcp` or `/mcp/{upstream}`). */
export interface CredentialUse {
  readonly http: IncomingMessage;
  /** Of the client, after trusted proxies. */
  readonly address: string;
  readonly resourcePath: string;
  /** The request was verified before: a proof of possession in it was good then, and counts once. */
  readonly again?: true;
}

export type VerifyCredential = (credential: string, use: CredentialUse) => Caller | Promise<Caller>;

/**
 * Who makes this request. There is one verifier and no fallback: a credential that fails it is refused, also where
 * `anonymous` (configured with `auth: none`) would be let in without one. Cookies and the query string are never looked at.
 */
export function authenticate(
  use: CredentialUse,
  verify: VerifyCredential,
  anonymous: Caller | null,
): Caller | Promise<Caller> {
  const credential = presentedCredential(use.http.headers);
  if (credential !== undefined) return verify(credential, use);
  if (anonymous !== null) return anonymous;
  throw new AppError('credential_missing');
}
