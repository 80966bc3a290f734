import { examples } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { renderTable } from './table.ts';
import { formatAgo } from './time.ts';

interface Client {
  readonly id: string;
  readonly name: string;
  readonly source: 'pre_registered' | 'dynamic' | 'metadata_document';
  readonly status: 'active' | 'pending' | 'revoked';
  readonly redirectUris: readonly string[];
  readonly lastUsedAt: number | null;
}

const SOURCES: Readonly<Record<Client['source'], string>> = {
  pre_registered: 'declared',
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

async function change(invocation: Invocation, id: string, what: 'approve' | 'revoke'): Promise<void> {
  const api = await invocation.api();
  const client = await api.send<Client>('POST', `/oauth-clients/${encodeURIComponent(id)}/${what}`);
  invocation.show(client, () =>
    what === 'approve'
      ? `${client.name} (${client.id}) is let in.`
      : `${client.name} (${client.id}) is shut out, and its sessions have ended.`,
  );
}
