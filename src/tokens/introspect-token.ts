import type { JWTPayload } from 'jose';
import { AppError } from '../errors/app-error.ts';
import { createLimiter } from '../lib/limiter.ts';
import type { Secret } from '../lib/secret.ts';
import type { ExternalToken, GuardedFetch } from './external-issuer.ts';
import { refuseToken } from './token-refusal.ts';
import { LEEWAY_MS } from './verified-token.ts';

/** Requests to the issuer at a time, and those that wait for one: whoever invents tokens must not flood the issuer. */
const CONCURRENT = 8;
const WAITING = 256;

export interface IntrospectionOptions {
  readonly issuer: string;
  readonly endpoint: string;
  readonly clientId: string;
  readonly clientSecret: () => Secret | Promise<Secret>;
  readonly fetch: GuardedFetch;
  readonly now: () => number;
}

/**
 * Asks the issuer about a token that only it understands (RFC 7662). The answer is held to the same rules as a JWT: it
 * must name an audience and an end, and the issuer if at all then exactly.
 */
export function createIntrospection(
  { issuer, endpoint, clientId, clientSecret, fetch, now }: IntrospectionOptions,
  accept: (answer: JWTPayload) => ExternalToken,
): (token: string) => Promise<ExternalToken> {
  const limited = createLimiter(CONCURRENT);
  let waiting = 0;

  const unavailable = (cause: unknown): AppError => new AppError('token_issuer_unavailable', undefined, { cause });

  async function ask(token: string): Promise<JWTPayload> {
    const secret = (await clientSecret()).reveal();
    let answer: unknown;
    try {
      const { status, text } = await fetch(endpoint, {
        method: 'POST',
        headers: {
          // RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
          authorization: `Basic ${Buffer.from(`${formEncoded(clientId)}:${formEncoded(secret)}`).toString('base64')}`,
          'content-type': 'application/x-www-form-urlencoded',
          accept: 'application/json',
        },
        body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
      });
      // A 401 here is about the gateway's own credentials, not about the token.
      if (status !== 200) throw new Error(`${endpoint} answers with status ${status}.`);
      answer = JSON.parse(text);
      if (typeof answer !== 'object' || answer === null) throw new Error(`${endpoint} answers with no JSON object.`);
    } catch (error) {
      throw unavailable(error);
    }
    return answer as JWTPayload;
  }

  return async (token) => {
    if (waiting >= WAITING) throw unavailable(new Error('Too many tokens wait for the introspection endpoint.'));
    waiting++;
    const answer = await limited(() => ask(token)).finally(() => {
      waiting--;
    });
    if (answer.active !== true) throw refuseToken('inactive');
    if (answer.iss !== undefined && answer.iss !== issuer) throw refuseToken('claims', '`iss` is another issuer');
    if (typeof answer.nbf === 'number' && answer.nbf * 1000 > now() + LEEWAY_MS) throw refuseToken('not_yet_valid');
    const accepted = accept(answer);
    if (accepted.expiresAt + LEEWAY_MS <= now()) throw refuseToken('expired');
    return accepted;
  };
}

const formEncoded = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1);
