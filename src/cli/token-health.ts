import { escapeUnprintable } from '../audit/escape-unprintable.ts';
import { formatMinute } from './time.ts';
import type { UpstreamView } from './upstream-status.ts';

/** How the tokens of an upstream are doing, as the API shows it. */
export interface TokenHealth {
  readonly states: Readonly<Record<string, number>>;
  readonly expiresAt: number | null;
  readonly lastError: { readonly message: string; readonly at: number } | null;
}

export interface TokenReport {
  /** One sentence, without the name of the upstream. */
  readonly text: string;
  /** Whether an operator has to do something about it. What people do themselves is none of that. */
  readonly isTrouble: boolean;
  /** Command that shows or does more. */
  readonly fix: string | null;
}

/** Null for an upstream that is switched off, or without tokens. */
export function tokenReport({ name, enabled, auth, tokens }: UpstreamView): TokenReport | null {
  if (tokens === null || !enabled) return null;
  switch (auth.kind) {
    case 'oauth-shared':
      return ofSharedAccount(name, tokens);
    case 'oauth-per-user':
      return ofAccounts(name, tokens);
    case 'client-credentials':
    case 'token-exchange':
      return ofMachine(name, tokens, auth.kind);
    default:
      return null;
  }
}

const SHARED: Readonly<Record<string, (name: string) => TokenReport>> = {
  connected: () => ({ text: 'The shared account is connected.', isTrouble: false, fix: null }),
  failing: (name) => ({
    text: 'The provider of the shared account does not answer, and is asked again.',
    isTrouble: true,
    fix: `toolgate connection show ${name}`,
  }),
  needs_reauth: (name) => ({
    text: 'The provider does not accept the shared account any more; connect it again.',
    isTrouble: true,
    fix: `toolgate connection connect ${name}`,
  }),
  needs_scopes: (name) => ({
    text: 'A call needed more than the shared account may do; connect it again to allow that.',
    isTrouble: true,
    fix: `toolgate connection connect ${name}`,
  }),
  changed_issuer: (name) => ({
    text: 'It names another authorization server than before, and nothing is sent there.',
    isTrouble: true,
    fix: `toolgate connection show ${name}`,
  }),
};

function ofSharedAccount(name: string, { states }: TokenHealth): TokenReport {
  const [state] = Object.keys(states);
  const known = state === undefined ? undefined : SHARED[state];
  if (known !== undefined) return known(name);
  const text = 'The shared account is not connected yet, so nobody can call it.';
  return { text, isTrouble: true, fix: `toolgate connection connect ${name}` };
}

function ofAccounts(name: string, { states }: TokenHealth): TokenReport {
  const { connected = 0, needs_reauth = 0, needs_scopes = 0, failing = 0, changed_issuer = 0 } = states;
  const reconnect = needs_reauth + needs_scopes;
  if (connected + reconnect + failing + changed_issuer === 0) {
    return { text: 'Nobody has connected an account yet.', isTrouble: false, fix: null };
  }
  const parts = [
    `${connected} connected`,
    reconnect > 0 && `${reconnect} ${reconnect === 1 ? 'needs' : 'need'} to reconnect`,
    failing > 0 && `${failing} whose provider does not answer`,
    changed_issuer > 0 && `${changed_issuer} stopped, as it names another authorization server than before`,
  ];
  const isTrouble = failing + changed_issuer > 0;
  const text = `Accounts: ${parts.filter((part) => part !== false).join(', ')}.`;
  return { text, isTrouble, fix: isTrouble ? `toolgate connection list --upstream ${name}` : null };
}

function ofMachine(
  name: string,
  { states, expiresAt, lastError }: TokenHealth,
  kind: 'client-credentials' | 'token-exchange',
): TokenReport {
  const { working = 0, failing = 0, needs_sign_in = 0 } = states;
  const why = lastError === null ? '' : ` ${escapeUnprintable(lastError.message)}`;
  const until = expiresAt === null ? '' : ` until ${formatMinute(expiresAt)}`;
  const fix = failing > 0 ? `toolgate upstream test ${name}` : null;
  if (kind === 'client-credentials') {
    if (failing > 0) return { text: `The gateway gets no token.${why}`, isTrouble: true, fix };
    const text =
      working > 0 ? `The gateway has a token${until}.` : 'The gateway has no token yet; it asks when it needs one.';
    return { text, isTrouble: false, fix };
  }
  if (working + failing + needs_sign_in === 0) {
    return { text: 'No tokens yet; each person gets one with their first call.', isTrouble: false, fix };
  }
  const parts = [
    `${working} in use`,
    failing > 0 && `${failing} not to be had`,
    needs_sign_in > 0 && `${needs_sign_in} waiting for the person to sign in`,
  ];
  return { text: `Tokens: ${parts.filter((part) => part !== false).join(', ')}.${why}`, isTrouble: failing > 0, fix };
}
