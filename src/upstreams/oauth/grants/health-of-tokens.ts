import type { AppError } from '../../../errors/app-error.ts';
import type { TokenHealth } from '../token-health.ts';

/** What counts of a kept token. Times in milliseconds since the epoch. */
export interface TokenFacts {
  readonly token: { readonly expiresAt: number | null; readonly deadAt: number } | null;
  /** Of the last attempt; null: it worked. */
  readonly failure: AppError | null;
  readonly failedAt: number;
}

export const isGood = <T extends NonNullable<TokenFacts['token']>>(token: T | null, now: number): token is T =>
  token !== null && now < token.deadAt;

/** Tokens that are over and that nobody has asked for since count as nothing. */
export function healthOfTokens(tokens: readonly TokenFacts[], now: number): TokenHealth {
  const states: Record<string, number> = {};
  let expiresAt: number | null = null;
  let lastError: TokenHealth['lastError'] = null;
  for (const { token, failure, failedAt } of tokens) {
    const good = isGood(token, now);
    if (good && token.expiresAt !== null) expiresAt = Math.min(expiresAt ?? token.expiresAt, token.expiresAt);
    const state = failure === null ? (good ? 'working' : null) : stateAfter(failure);
    if (state !== null) states[state] = (states[state] ?? 0) + 1;
    // What a person is told holds a link for them.
    if (state === 'failing' && failedAt >= (lastError?.at ?? 0))
      lastError = { message: failure!.message, at: failedAt };
  }
  return { states, expiresAt, lastError };
}

const stateAfter = ({ code }: AppError): 'needs_sign_in' | 'failing' =>
  code === 'connection_required' ? 'needs_sign_in' : 'failing';
