import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '../errors/app-error.ts';
import { presentedCredential } from '../http/presented-credential.ts';
import type { Caller } from '../model/principal.ts';

export type VerifyKey = (key: string, address: string) => Caller | Promise<Caller>;

/**
 * Who makes this request. There is one verifier and no fallback: a credential that fails it is refused, also where
 * `anonymous` (configured with `auth: none`) would be let in without one. Cookies and the query string are never looked at.
 */
export function authenticate(
  headers: IncomingHttpHeaders,
  address: string,
  verifyKey: VerifyKey,
  anonymous: Caller | null,
): Caller | Promise<Caller> {
  const credential = presentedCredential(headers);
  if (credential !== undefined) return verifyKey(credential, address);
  if (anonymous !== null) return anonymous;
  throw new AppError('credential_missing');
}
