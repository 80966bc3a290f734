import { compileGlob } from '../lib/glob.ts';
import type { AdminClient } from './admin-client.ts';
import type { Terminal } from './terminal.ts';
import type { UpstreamView } from './upstream-status.ts';

interface RuleList {
  readonly allow?: readonly { readonly upstream: string }[];
  readonly deny?: readonly { readonly upstream: string }[];
}

/**
 * Says on standard error which upstreams the rules of a role name that match none there is. A role may be made before its
 * upstream, so that is no error; but a mistyped `deny` denies nothing, and nobody would notice.
 *
 * @param roles as the API has accepted them
 */
export async function warnUnknownUpstreams(
  api: AdminClient,
  terminal: Terminal,
  roles: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  // `*` is meant for whatever comes, also while there is nothing.
  const globsOf = ({ allow = [], deny = [] }: RuleList) => new Set([...allow, ...deny].map(({ upstream }) => upstream));
  const named = roles.map((role) => ({ name: String(role.name), globs: [...globsOf(role as RuleList)] }));
  if (named.every(({ globs }) => globs.every((glob) => glob === '*'))) return;
  // What was asked for is done. Who has just lost the right to see upstreams, or the gateway, has not failed at it.
  const upstreams = await api.all<UpstreamView>('/upstreams').catch(() => null);
  if (upstreams === null) return;
  for (const { name, globs } of named) {
    const unknown = globs.filter((glob) => glob !== '*' && !upstreams.some((one) => compileGlob(glob)(one.name)));
    if (unknown.length === 0) continue;
    const warning = terminal.errorStyle.yellow('warning:');
    terminal.note(
      `${warning} no upstream is named ${unknown.join(' or ')}, so these rules of the role ${name} cover nothing yet. ` +
        '`toolgate upstream list` shows the names.',
    );
  }
}
