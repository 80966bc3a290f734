import { isOauth, type UpstreamAuth } from '../model/upstream.ts';
import type { AdminContext } from './admin-context.ts';
import { type InputFault, inputRefusal } from './check-input.ts';

interface Statements {
  readonly auth: UpstreamAuth;
  readonly identityHeader: string | null;
}

/**
 * What the gateway says about people it signs, with keys that only its authorization server has and publishes. Throws
 * `unprocessable` where that is switched off, as the configuration file is refused then (config/cross-rules.ts).
 */
export function requireSigningKeys({ signIn }: Pick<AdminContext, 'signIn'>, settings: Statements): void {
  if (signIn !== null) return;
  const faults = statementFaults(settings);
  if (faults.length > 0) throw inputRefusal('unprocessable', 'The body', faults);
}

/** As `requireSigningKeys`, for a list of upstreams in a document. */
export function requireSigningKeysForAll(
  { signIn }: Pick<AdminContext, 'signIn'>,
  upstreams: readonly Statements[],
): void {
  if (signIn !== null) return;
  const faults = upstreams.flatMap((upstream, index) =>
    statementFaults(upstream).map(({ path, message }) => ({ path: `upstreams[${index}].${path}`, message })),
  );
  if (faults.length > 0) throw inputRefusal('unprocessable', 'The document', faults);
}

const PROBLEM = 'With `oauth.enabled: false` in its configuration the gateway has no key to sign who calls.';

function statementFaults({ auth, identityHeader }: Statements): InputFault[] {
  const faults: InputFault[] = [];
  if (identityHeader !== null) {
    faults.push({ path: 'identityHeader', message: `${PROBLEM} Switch it on, or leave this out.` });
  }
  if (isOauth(auth) && auth.oauth.exchange?.subject === 'gateway') {
    const message = `${PROBLEM} Switch it on, or have an identity provider vouch (\`subject: identity-provider\`).`;
    faults.push({ path: 'auth.oauth.exchange', message });
  }
  return faults;
}
