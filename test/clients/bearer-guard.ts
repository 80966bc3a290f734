import type { ServerResponse } from 'node:http';
import type { BearerToken, BearerUpstream, BearerUpstreamOptions } from '../bearer-upstream.ts';

export const DEFAULT_SCOPES = ['mcp:read'];
export const DEFAULT_WRITE_SCOPE = 'mcp:write';

/** What the middleware of either SDK line asks, and what is seen of it. */
export function createBearerGuard({ verify }: BearerUpstreamOptions, InvalidToken: new (message: string) => Error) {
  const accounts: string[] = [];
  const tokens = new Set<string>();
  const refusals: Record<number, number> = {};
  return {
    seen: { accounts, tokens, refusals } satisfies Partial<BearerUpstream>,
    verifierFor: (resource: URL) => ({
      async verifyAccessToken(token: string) {
        const found = await verify(token, resource.href);
        if (found === null) throw new InvalidToken('The token is unknown, or has ended');
        tokens.add(token);
        const { account, clientId, scopes, expiresAt } = found;
        return { token, clientId, scopes: [...scopes], expiresAt, resource, extra: { account } };
      },
    }),
    /** Counts the answers of the middleware. */
    watch(response: ServerResponse): void {
      response.on('finish', () => {
        const { statusCode } = response;
        if (statusCode === 401 || statusCode === 403) refusals[statusCode] = (refusals[statusCode] ?? 0) + 1;
      });
    },
    /** Of a call that came through. */
    accountOf(auth: { readonly extra?: Record<string, unknown> | undefined } | undefined): string {
      const account = (auth?.extra as Pick<BearerToken, 'account'> | undefined)?.account ?? 'nobody';
      accounts.push(account);
      return account;
    },
  };
}
