import { AppError } from '../../errors/app-error.ts';
import { isOauth, type Upstream } from '../../model/upstream.ts';
import type { OauthUpstream } from './upstream-providers.ts';

/** The upstream as one whose tokens are got by connecting. Throws `unprocessable` for all others. */
export function requireOauthUpstream(upstream: Upstream): OauthUpstream {
  if (isConnectable(upstream)) return upstream;
  throw new AppError(
    'unprocessable',
    `"${upstream.name}" is not connected in a browser. Declare it with \`auth: { oauth: … }\` for that.`,
  );
}

/** Whether tokens are sent to it, however they are got. */
export const takesTokens = (upstream: Upstream): upstream is OauthUpstream =>
  upstream.transport !== 'stdio' && isOauth(upstream.auth);

export const isConnectable = (upstream: Upstream): upstream is OauthUpstream =>
  takesTokens(upstream) && (upstream.auth.kind === 'oauth-shared' || upstream.auth.kind === 'oauth-per-user');
