import { CliError } from './cli-error.ts';
import { countOption } from './count-option.ts';
import type { Invocation } from './invocation.ts';
import { durationOption } from './time.ts';

interface AddOptions {
  readonly sse?: true;
  readonly header?: readonly string[];
  readonly userHeader?: readonly string[];
  readonly forwardHeader?: readonly string[];
  readonly timeout?: string;
  readonly maxConcurrent?: string;
  readonly disabled?: true;
}

export async function addUpstream(invocation: Invocation<AddOptions>, name: string, url: string): Promise<void> {
  const { sse, forwardHeader, timeout, maxConcurrent, disabled } = invocation.options;
  const auth = authOf(invocation.options);
  const body = {
    name,
    url,
    auth,
    ...(sse && { transport: 'sse' }),
    ...(forwardHeader && { forwardHeaders: forwardHeader }),
    ...(timeout !== undefined && { timeoutMs: durationOption('--timeout', timeout) }),
    ...(maxConcurrent !== undefined && { maxConcurrent: countOption('--max-concurrent', maxConcurrent) }),
    ...(disabled && { enabled: false }),
  };
  const api = await invocation.api();
  const added = await api.send('POST', '/upstreams', body);
  const next =
    auth.kind === 'none'
      ? `toolgate upstream test ${name}`
      : `toolgate upstream credential ${name} ${auth.names[0]}${auth.kind === 'headers' ? '' : ' --user <name>'}`;
  invocation.show(added, () => `Added the upstream ${name}. Roles decide who may call it.\nNext: ${next}`);
}

type Auth =
  | { readonly kind: 'none' }
  | { readonly kind: 'headers' | 'headers-per-user'; readonly names: readonly string[] };

function authOf({ header, userHeader }: AddOptions): Auth {
  if (header !== undefined && userHeader !== undefined) {
    throw new CliError('Give --header for a shared credential or --user-header for one per user, not both.', {
      exitCode: 2,
    });
  }
  if (header !== undefined) return { kind: 'headers', names: header };
  return userHeader === undefined ? { kind: 'none' } : { kind: 'headers-per-user', names: userHeader };
}
