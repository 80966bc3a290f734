import { type Challenge, readChallenge } from '../oauth/provider/challenge.ts';
import type { Credential } from '../upstream-connection.ts';
import type { ResponseHeaders } from './http-answer.ts';

/** What an answer says against the token that was sent; null when no other credential would help, or none is to be had. */
export function challengeIn(status: number, headers: ResponseHeaders, credential: Credential): Challenge | null {
  return credential.renew === undefined ? null : readChallenge(status, headers['www-authenticate']);
}

/**
 * Flat headers, name, value, …, with the credential `used` replaced by another one. Callers cannot have sent a header of
 * the same name: those are dropped before.
 */
export function swapCredential(headers: readonly string[], used: Credential, next: Credential): string[] {
  const swapped: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (used.headers.every(([name]) => name !== headers[i])) swapped.push(headers[i]!, headers[i + 1]!);
  }
  for (const [name, value] of next.headers) swapped.push(name, value.reveal());
  return swapped;
}
