import { isOauth, type UpstreamAuth } from '../model/upstream.ts';
import type { AdminContext } from './admin-context.ts';
import { type InputFault, inputRefusal } from './check-input.ts';

interface Needs {
  readonly auth: UpstreamAuth;
  readonly identityHeader: string | null;
}

/**
 * People connect accounts on pages that they sign in to, and what the gateway says about them it signs with keys that only
 * its authorization server has. Throws `unprocessable` where that is switched off, as the configuration file is refused
 * then (config/cross-rules.ts).
 */
export function requireSignInFor({ signIn }: Pick<AdminContext, 'signIn'>, settings: Needs): void {
  if (signIn !== null) return;
  const faults = faultsOf(settings);
  if (faults.length > 0) throw inputRefusal('unprocessable', 'The body', faults);
}

/** As `requireSignInFor`, for a list of upstreams in a document. */
export function requireSignInForAll({ signIn }: Pick<AdminContext, 'signIn'>, upstreams: readonly Needs[]): void {
  if (signIn !== null) return;
  const faults = upstreams.flatMap((upstream, index) =>
    faultsOf(upstream).map(({ path, message }) => ({ path: `upstreams[${index}].${path}`, message })),
  );
  if (faults.length > 0) throw inputRefusal('unprocessable', 'The document', faults);
}

const PROBLEM = 'With `oauth.enabled: false` in its configuration the gateway has no key to sign who calls.';

const NO_PAGES =
  'With `oauth.enabled: false` in its configuration nobody can sign in to the gateway, so nobody can connect an account. Switch it on, or use `client-credentials` or `headers`.';

function faultsOf({ auth, identityHeader }: Needs): InputFault[] {
  const faults: InputFault[] = [];
  if (identityHeader !== null) {
    faults.push({ path: 'identityHeader', message: `${PROBLEM} Switch it on, or leave this out.` });
  }
  if (auth.kind === 'oauth-shared' || auth.kind === 'oauth-per-user')
    faults.push({ path: 'auth.kind', message: NO_PAGES });
  if (isOauth(auth) && auth.oauth.exchange?.subject === 'gateway') {
    const message = `${PROBLEM} Switch it on, or have an identity provider vouch (\`subject: identity-provider\`).`;
    faults.push({ path: 'auth.oauth.exchange', message });
  }
  return faults;
}
