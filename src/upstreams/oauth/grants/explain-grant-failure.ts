import { AppError, toAppError } from '../../../errors/app-error.ts';
import type { ConnectionOwner } from '../connection-owner.ts';
import { ProviderFailure, type ProviderFailureKind } from '../provider/provider-failure.ts';

/** What to do, by kind; `transient` and `changed_issuer` have messages of their own. */
const ADVICE: Readonly<
  Record<Exclude<ProviderFailureKind, 'transient' | 'changed_issuer'>, (upstream: string) => string>
> = {
  invalid_client: (name) =>
    `Look at the client id, and store its secret or key anew: \`toolgate upstream credential ${name}\`.`,
  invalid_scope: () => 'Set `scopes` to what this client may ask for there.',
  invalid_grant: () => 'The provider has to trust who vouches for you, and to know your account. Ask an administrator.',
  denied: () => 'Allow the client this at the provider.',
  registration: () => 'An administrator has to set it up.',
  metadata: (name) => `Try each step: \`toolgate upstream test ${name}\`.`,
  protocol: (name) => `Try each step: \`toolgate upstream test ${name}\`.`,
};

/** What a caller is told when there is no token, by kind of failure. */
export function explainGrantFailure(upstream: string, owner: ConnectionOwner, thrown: unknown): AppError {
  if (!(thrown instanceof ProviderFailure)) return toAppError(thrown);
  const { kind, detail } = thrown;
  const more = { cause: thrown, data: { upstream } };
  if (kind === 'transient') {
    return new AppError('upstream_unavailable', `There is no token for "${upstream}" right now: ${detail}`, more);
  }
  if (kind === 'changed_issuer') {
    const message = `"${upstream}" names another authorization server than before, and nothing is sent there. ${detail} If the new one is right, an administrator sets \`issuer\` to it.`;
    return new AppError('connection_stopped', message, more);
  }
  const advice = kind === 'invalid_grant' && owner.kind === 'shared' ? ADVICE.denied : ADVICE[kind];
  return new AppError(
    'upstream_credential_rejected',
    `"${upstream}" gets no token. ${detail} ${advice(upstream)}`,
    more,
  );
}
