import { defineClientAdd } from './client-add.ts';
import { confirmRemoval } from './confirm-removal.ts';
import { examples } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { renderTable } from './table.ts';
import { formatAgo } from './time.ts';

export interface Client {
  readonly id: string;
  readonly name: string;
  readonly source: 'pre_registered' | 'added' | 'dynamic' | 'metadata_document';
  readonly status: 'active' | 'pending' | 'revoked';
  readonly redirectUris: readonly string[];
  readonly lastUsedAt: number | null;
}

const SOURCES: Readonly<Record<Client['source'], string>> = {
  pre_registered: 'declared',
  added: 'added here',
  dynamic: 'registered itself',
  metadata_document: 'its document',
};

export const defineClient: CommandDefinition = (command, context) => {
  command
    .command('list')
    .description('list OAuth clients: the applications that people sign in with')
    .option('--status <status>', 'only those that are active, pending or revoked')
    .addHelpText('after', examples('toolgate client list', 'toolgate client list --status pending'))
    .action(action<{ status?: string }, []>(context, listClients));
  command
    .command('approve')
    .description('let a client in that is pending or was revoked')
    .argument('<id>', 'its client id')
    .addHelpText('after', examples('toolgate client approve 4Vd0…'))
    .action(action<object, [string]>(context, (invocation, id) => change(invocation, id, 'approve')));
  command
    .command('revoke')
    .description('shut a client out, and end all sessions with it')
    .argument('<id>', 'its client id')
    .addHelpText('after', examples('toolgate client revoke https://client.example.com/oauth.json'))
    .action(action<object, [string]>(context, (invocation, id) => change(invocation, id, 'revoke')));
  defineClientAdd(command, context);
  command
    .command('remove')
    .description('remove a client that `client add` made, and end all sessions with it')
    .argument('<id>', 'its client id')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples('toolgate client remove cli_01k9…'))
    .action(action<{ yes?: true }, [string]>(context, removeClient));
};

async function listClients(invocation: Invocation<{ status?: string }>): Promise<void> {
  const { options, terminal } = invocation;
  const api = await invocation.api();
  const clients = await api.all<Client>('/oauth-clients', { status: options.status });
  const now = Date.now();
  const { yellow } = terminal.style;
  invocation.show(clients, () =>
    clients.length === 0
      ? 'There are no such clients.'
      : renderTable(
          [
            { title: 'ID', value: ({ id }) => id, shrinks: true },
            { title: 'CALLS ITSELF', value: ({ name }) => name, shrinks: true },
            { title: 'KNOWN FROM', value: ({ source }) => SOURCES[source] },
            { title: 'RETURNS TO', value: ({ redirectUris }) => redirectUris.join(' '), shrinks: true },
            {
              title: 'STATUS',
              value: ({ status }) => status,
              paint: (cell, { status }) => (status === 'active' ? cell : yellow(cell)),
            },
            {
              title: 'LAST USED',
              value: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : formatAgo(lastUsedAt, now)),
            },
          ],
          clients,
          terminal.columns,
        ),
  );
}

async function removeClient(invocation: Invocation<{ yes?: true }>, id: string): Promise<void> {
  const api = await invocation.api();
  const path = `/oauth-clients/${encodeURIComponent(id)}`;
  const client = await api.get<Client>(path);
  await confirmRemoval(invocation, `Remove the client ${client.name} and end all sessions with it?`);
  await api.send('DELETE', path);
  invocation.show({ removed: client.id }, () => `Removed the client ${client.name} (${client.id}).`);
}

async function change(invocation: Invocation, id: string, what: 'approve' | 'revoke'): Promise<void> {
  const api = await invocation.api();
  const client = await api.send<Client>('POST', `/oauth-clients/${encodeURIComponent(id)}/${what}`);
  invocation.show(client, () =>
    what === 'approve'
      ? `${client.name} (${client.id}) is let in.`
      : `${client.name} (${client.id}) is shut out, and its sessions have ended.`,
  );
}
