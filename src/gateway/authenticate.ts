import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '../errors/app-error.ts';
import type { Caller } from '../model/principal.ts';

export type VerifyKey = (key: string, address: string) => Caller | Promise<Caller>;

/**
 * The one credential of a request. It stands in `Authorization: Bearer`, `X-Api-Key` or `X-Toolgate-Key`, in exactly one
 * of them; undefined when there is none. Repeated headers have been refused before. Throws `credential_ambiguous` or
 * `credential_invalid`.
 */
function credentialOf(headers: IncomingHttpHeaders): string | undefined {
  const { authorization } = headers;
  const apiKey = headers['x-api-key'];
  const toolgateKey = headers['x-toolgate-key'];
  if (authorization !== undefined && apiKey === undefined && toolgateKey === undefined) return bearer(authorization);
  const found = [authorization, apiKey, toolgateKey].filter((value) => value !== undefined);
  if (found.length > 1) throw new AppError('credential_ambiguous');
  return found[0] as string | undefined;
}

function bearer(authorization: string): string {
  const match = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization);
  if (match === null) throw new AppError('credential_invalid');
  return match[1]!;
}

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
  const credential = credentialOf(headers);
  if (credential !== undefined) return verifyKey(credential, address);
  if (anonymous !== null) return anonymous;
  throw new AppError('credential_missing');
}
