import { escapeUnprintable } from '../audit/escape-unprintable.ts';
import { confirmRemoval } from './confirm-removal.ts';
import { type Connection, listConnections, showConnection } from './connection-status.ts';
import { examples, explained } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { formatMinute } from './time.ts';
import { type WhoseOptions, whoseConnection } from './whose-connection.ts';

export const defineConnection: CommandDefinition = (command, context) => {
  const whose = (name: string, description: string) =>
    command
      .command(name)
      .description(description)
      .argument('<upstream>', 'its name')
      .option('--shared', 'the account that everybody shares')
      .option('--mine', 'my own')
      .option('--user <name>', 'that of this user')
      .option('--service-account <name>', 'that of this service account');
  command
    .command('list')
    .description('list connections to upstreams with OAuth')
    .option('--upstream <name>', 'only those to this upstream')
    .option('--shared', 'only those that everybody shares')
    .option('--mine', 'only my own')
    .option('--user <name>', 'only those of this user')
    .option('--service-account <name>', 'only those of this service account')
    .addHelpText('after', examples('toolgate connection list', 'toolgate connection list --user ann@example.com'))
    .action(action<WhoseOptions & { upstream?: string }, []>(context, listConnections));
  whose('show', 'show a connection: whose account, what it may do, how it is')
    .addHelpText('after', examples('toolgate connection show github', 'toolgate connection show github --mine'))
    .action(action<WhoseOptions, [string]>(context, showConnection));
  whose('connect', 'print where an account is connected')
    .addHelpText(
      'after',
      explained(
        'Prints a link to a page of the gateway. Whoever opens it signs in there, sees what the upstream asks for and where ' +
          'it leads, and agrees. The link opens nothing by itself; that of a user works for this user alone.',
        'toolgate connection connect github',
        'toolgate connection connect github --service-account build-bot',
      ),
    )
    .action(action<WhoseOptions, [string]>(context, printLink));
  whose('refresh', 'get a new token now')
    .addHelpText('after', examples('toolgate connection refresh github'))
    .action(action<WhoseOptions, [string]>(context, refresh));
  whose('disconnect', 'forget the tokens, and revoke them at the provider')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples('toolgate connection disconnect github --user ann@example.com'))
    .action(action<WhoseOptions & { yes?: true }, [string]>(context, disconnect));
};

async function printLink(invocation: Invocation<WhoseOptions>, upstream: string): Promise<void> {
  const { terminal, options } = invocation;
  const api = await invocation.api();
  const whose = await whoseConnection(api, upstream, options);
  const link = await api.send<{ url: string }>('POST', `${whose.path}/link`);
  if (api.offline) terminal.note('No gateway runs, so nobody can open it yet. Start it first.');
  invocation.show(link, () =>
    [
      `Open this in a browser, to make ${whose.phrase} to ${upstream}:`,
      '',
      `  ${terminal.style.bold(escapeUnprintable(link.url))}`,
      '',
      `Then: toolgate connection show ${upstream}`,
    ].join('\n'),
  );
}

async function refresh(invocation: Invocation<WhoseOptions>, upstream: string): Promise<void> {
  const api = await invocation.api();
  const whose = await whoseConnection(api, upstream, invocation.options);
  const connection = await api.send<Connection>('POST', `${whose.path}/refresh`);
  invocation.show(connection, () => {
    const { expiresAt } = connection;
    const until = expiresAt === null ? 'it does not expire' : `good until ${formatMinute(expiresAt)}`;
    return `Refreshed ${whose.phrase} to ${upstream}: ${until}.`;
  });
}

async function disconnect(invocation: Invocation<WhoseOptions & { yes?: true }>, upstream: string): Promise<void> {
  const api = await invocation.api();
  const whose = await whoseConnection(api, upstream, invocation.options);
  await confirmRemoval(invocation, `End ${whose.phrase} to ${upstream}?`);
  await api.send('DELETE', whose.path);
  invocation.show(
    { disconnected: true, upstream },
    () => `Ended ${whose.phrase} to ${upstream}. Its tokens are being revoked at the provider.`,
  );
}
