import { confirmRemoval } from './confirm-removal.ts';
import { examples, explained } from './help-text.ts';
import { action, type CommandDefinition, collect, type Invocation } from './invocation.ts';
import { addUpstream } from './upstream-add.ts';
import { AUTH_OPTIONS } from './upstream-auth-options.ts';
import { changeCredential } from './upstream-credential.ts';
import { listUpstreams, testUpstream } from './upstream-status.ts';

export const defineUpstream: CommandDefinition = (command, context) => {
  const add = command
    .command('add')
    .description('add an MCP server on the network')
    .argument('<name>', 'prefix of its tools: a–z, 0–9 and -')
    .argument('<url>', 'its MCP endpoint')
    .option('--sse', 'it speaks the older HTTP+SSE of 2024-11-05')
    .option('--identity-header <name>', 'header that tells it who calls, in a signed statement')
    .option('--forward-header <name>', 'header of the caller that may pass', collect)
    .option('--timeout <time>', 'given up after so long without a sign of life, such as 60s')
    .option('--max-concurrent <count>', 'calls under way at once')
    .option('--disabled', 'neither connect nor show it yet')
    .addHelpText(
      'after',
      explained(
        'A program (stdio) is added in toolgate.yaml only: it is started on this machine.',
        'toolgate upstream add docs https://docs.example.com/mcp',
        'toolgate upstream add jira https://jira.example.com/mcp --header Authorization',
        'toolgate upstream add linear https://mcp.linear.app/mcp --oauth user --preset linear',
        'toolgate upstream add notion https://mcp.notion.com/mcp --oauth shared --preset notion',
      ),
    )
    .action(action(context, addUpstream));
  for (const option of AUTH_OPTIONS) add.addOption(option);
  command
    .command('list')
    .description('list upstreams and how they are doing')
    .addHelpText('after', examples('toolgate upstream list'))
    .action(action(context, listUpstreams));
  command
    .command('test')
    .description('try an upstream step by step: reach it, log in, agree on a version, list')
    .argument('<name>', 'name')
    .addHelpText('after', examples('toolgate upstream test jira'))
    .action(action<object, [string]>(context, testUpstream));
  command
    .command('credential')
    .description('store, list or remove what the gateway sends to an upstream')
    .argument('<name>', 'name of the upstream')
    .argument(
      '[entry]',
      'header, NAME of a ${vault:NAME} reference, client-secret or client-key; may be left out when there is one',
    )
    .option('--user <name>', 'of this user alone')
    .option('--service-account <name>', 'of this service account alone')
    .option('--mine', 'your own; needs no administrator')
    .option('--value-file <file>', 'read the value from a file')
    .option('--value-env <variable>', 'read the value from an environment variable')
    .option('--list', 'list what is stored, without values')
    .option('--remove', 'remove what is stored')
    .addHelpText(
      'after',
      explained(
        `Without --value-file and --value-env the value is asked for, or read from standard input. It is never an
argument: those can be seen by every user of the machine.`,
        'toolgate upstream credential jira Authorization',
        'pass show jira | toolgate upstream credential jira Authorization',
        'toolgate upstream credential jira --user ann@example.com --value-env ANNS_TOKEN',
        'toolgate upstream credential jira --list',
      ),
    )
    .action(action(context, changeCredential));
  command
    .command('remove')
    .description('remove an upstream and what is stored for it')
    .argument('<name>', 'name')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples('toolgate upstream remove jira'))
    .action(action<{ yes?: true }, [string]>(context, removeUpstream));
};

async function removeUpstream(invocation: Invocation<{ yes?: true }>, name: string): Promise<void> {
  const api = await invocation.api();
  const path = `/upstreams/${encodeURIComponent(name)}`;
  const { etag } = await api.get<{ etag?: string }>(path);
  await confirmRemoval(invocation, `Remove the upstream ${name} and the credentials stored for it?`);
  // One that stands in the configuration file has no version; the API then says where to change it.
  await api.send('DELETE', path, undefined, { ifMatch: etag ?? '*' });
  invocation.show({ removed: name }, () => `Removed the upstream ${name}.`);
}
