import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '../errors/app-error.ts';

/** RFC 6750 §2.3 and what else clients have put there. */
const CREDENTIAL_PARAMETER = /(?:^|&)(?:access_token|token|api[-_]?key|key|authorization)=|tg[ps]_[0-9A-Za-z]{8}/i;

/**
 * The one credential that a request presents: in `Authorization` (`Bearer`, or `DPoP` with a proof beside it), `X-Api-Key` or `X-Toolgate-Key`, in exactly one
 * of them. Undefined when there is none. Headers that stand twice have been refused before. Cookies are never looked at.
 *
 * @throws AppError `credential_ambiguous` or `credential_invalid`
 */
export function presentedCredential(headers: IncomingHttpHeaders): string | undefined {
  const { authorization } = headers;
  const given = [authorization, headers['x-api-key'], headers['x-toolgate-key']].filter((value) => value !== undefined);
  if (given.length > 1) throw new AppError('credential_ambiguous');
  if (authorization === undefined) return given[0] as string | undefined;
  const match = /^(?:Bearer|DPoP) +([\x21-\x7e]+)$/i.exec(authorization);
  if (match === null) throw new AppError('credential_invalid');
  return match[1]!;
}

/** Whether the query of a request target holds something that looks like a credential: it would end up in logs. */
export function hasCredentialInQuery(url: string): boolean {
  const query = url.indexOf('?');
  return query >= 0 && CREDENTIAL_PARAMETER.test(url.slice(query + 1));
}
