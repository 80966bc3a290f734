import { AsyncLocalStorage } from 'node:async_hooks';
import type { OauthRecord } from '../../store/oauth-records.ts';

/**
 * One refresh while the library works on it. What it would write, token by token, is held here and then written in one
 * transaction: a crash in between must not leave a client with a used token and no answer.
 */
export interface RefreshWork {
  /** Hex SHA-256 of the token that was presented. */
  readonly tokenHash: string;
  /** The token was used a moment ago and its answer can be given again: the library is to take it as unused. */
  readonly answered: boolean;
  /** The library has decided to replace the token. */
  consumes: boolean;
  /** The token that replaces it. */
  successor: Omit<OauthRecord, 'consumedAt'> | null;
}

export const refreshWork = new AsyncLocalStorage<RefreshWork>();
