import { CliError } from './cli-error.ts';
import { confirmRemoval } from './confirm-removal.ts';
import { examples } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { lookupPrincipal, type PrincipalOptions } from './lookup.ts';
import { renderTable } from './table.ts';
import { formatAgo, formatMinute } from './time.ts';

interface Grant {
  readonly id: string;
  readonly client: { readonly id: string; readonly name: string };
  readonly principal: { readonly kind: string; readonly id: string; readonly name: string | null };
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly status: 'active' | 'expired' | 'revoked';
  readonly address: string;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
}

interface Which extends PrincipalOptions {
  readonly client?: string;
}

export const defineSession: CommandDefinition = (command, context) => {
  command
    .command('list')
    .description('list what people allowed agents to do in their name')
    .option('--user <name>', 'only those of this user')
    .option('--service-account <name>', 'only those of this service account')
    .option('--client <id>', 'only those of this OAuth client')
    .option('--all', 'also those that are expired or revoked')
    .addHelpText('after', examples('toolgate session list', 'toolgate session list --user ann@example.com --all'))
    .action(action<Which & { all?: true }, []>(context, listSessions));
  command
    .command('revoke')
    .description('end sessions: their tokens are refused from the very next request on')
    .argument('[id...]', 'ids, as `session list` shows them')
    .option('--user <name>', 'all of this user')
    .option('--service-account <name>', 'all of this service account')
    .option('--client <id>', 'all of this OAuth client')
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      examples('toolgate session revoke grt_01k9…', 'toolgate session revoke --user ann@example.com'),
    )
    .action(action<Which & { yes?: true }, [string[]]>(context, revokeSessions));
};

async function find(invocation: Invocation<Which>, status: 'active' | undefined): Promise<Grant[]> {
  const { options } = invocation;
  const api = await invocation.api();
  const named = options.user !== undefined || options.serviceAccount !== undefined;
  const principal = named ? (await lookupPrincipal(api, options)).id : undefined;
  return api.all<Grant>('/grants', { principal, client: options.client, status });
}

async function listSessions(invocation: Invocation<Which & { all?: true }>): Promise<void> {
  const { options, terminal } = invocation;
  const sessions = await find(invocation, options.all ? undefined : 'active');
  const now = Date.now();
  const { yellow } = terminal.style;
  invocation.show(sessions, () =>
    sessions.length === 0
      ? 'There are no such sessions.'
      : renderTable(
          [
            { title: 'ID', value: ({ id }) => id },
            { title: 'WHO', value: ({ principal }) => principal.name ?? principal.id, shrinks: true },
            { title: 'CLIENT', value: ({ client }) => client.name, shrinks: true },
            { title: 'RESOURCE', value: ({ resource }) => new URL(resource).pathname },
            { title: 'SCOPES', value: ({ scopes }) => scopes.join(' '), shrinks: true },
            {
              title: 'STATUS',
              value: ({ status }) => status,
              paint: (cell, { status }) => (status === 'active' ? cell : yellow(cell)),
            },
            { title: 'SINCE', value: ({ createdAt }) => formatMinute(createdAt).slice(0, 10) },
            {
              title: 'LAST USED',
              value: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : formatAgo(lastUsedAt, now)),
            },
          ],
          sessions,
          terminal.columns,
        ),
  );
}

async function revokeSessions(invocation: Invocation<Which & { yes?: true }>, ids: string[]): Promise<void> {
  const { options } = invocation;
  const all = options.user !== undefined || options.serviceAccount !== undefined || options.client !== undefined;
  if (all === ids.length > 0) {
    throw new CliError('Name either ids, or whose sessions to end with --user, --service-account or --client.', {
      exitCode: 2,
    });
  }
  const chosen = all ? (await find(invocation, 'active')).map(({ id }) => id) : ids;
  if (all && chosen.length > 0) {
    await confirmRemoval(invocation, `End ${chosen.length} ${chosen.length === 1 ? 'session' : 'sessions'}?`);
  }
  const api = await invocation.api();
  for (const id of chosen) await api.send('POST', `/grants/${encodeURIComponent(id)}/revoke`);
  invocation.show({ revoked: chosen }, () =>
    chosen.length === 0 ? 'There are no such sessions.' : chosen.map((id) => `Ended ${id}.`).join('\n'),
  );
}
