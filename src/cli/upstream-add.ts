import { countOption } from './count-option.ts';
import type { Invocation } from './invocation.ts';
import { durationOption } from './time.ts';
import { type AuthOptions, authFrom } from './upstream-auth-options.ts';
import type { UpstreamView } from './upstream-status.ts';

interface AddOptions extends AuthOptions {
  readonly sse?: true;
  readonly identityHeader?: string;
  readonly forwardHeader?: readonly string[];
  readonly timeout?: string;
  readonly maxConcurrent?: string;
  readonly disabled?: true;
}

export async function addUpstream(invocation: Invocation<AddOptions>, name: string, url: string): Promise<void> {
  const { sse, identityHeader, forwardHeader, timeout, maxConcurrent, disabled } = invocation.options;
  const body = {
    name,
    url,
    auth: authFrom(invocation.options),
    ...(sse && { transport: 'sse' }),
    ...(identityHeader !== undefined && { identityHeader }),
    ...(forwardHeader && { forwardHeaders: forwardHeader }),
    ...(timeout !== undefined && { timeoutMs: durationOption('--timeout', timeout) }),
    ...(maxConcurrent !== undefined && { maxConcurrent: countOption('--max-concurrent', maxConcurrent) }),
    ...(disabled && { enabled: false }),
  };
  const api = await invocation.api();
  const added = await api.send<UpstreamView>('POST', '/upstreams', body);
  invocation.show(added, () =>
    [
      `Added the upstream ${name}. Roles decide who may call it.`,
      ...nextSteps(added).map((step, index) => `${index === 0 ? 'Next:' : 'Then:'} ${step}`),
    ].join('\n'),
  );
}

function nextSteps({ name, auth }: UpstreamView): string[] {
  const { kind, names = [], oauth } = auth;
  const test = `toolgate upstream test ${name}`;
  if (kind === 'headers') return [`toolgate upstream credential ${name} ${names[0]}`];
  if (kind === 'headers-per-user') return [`toolgate upstream credential ${name} ${names[0]} --user <name>`];
  const method = oauth?.client?.authMethod ?? 'none';
  const entry = method === 'private_key_jwt' ? 'client-key' : 'client-secret';
  const secret = method === 'none' ? [] : [`toolgate upstream credential ${name} ${entry}`];
  if (kind === 'oauth-shared') return [...secret, `toolgate connection connect ${name} --shared`];
  if (kind === 'oauth-per-user') {
    return [
      ...secret,
      `everybody connects their account when they first need it, or now: toolgate connection connect ${name}`,
    ];
  }
  return [...secret, test];
}
