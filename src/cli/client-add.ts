import { CliError } from './cli-error.ts';
import { examples } from './help-text.ts';
import { action, type CommandDefinition, collect, type Invocation } from './invocation.ts';
import { lookup, SERVICE_ACCOUNTS } from './lookup.ts';
import { readText } from './read-text.ts';
import { renderFields } from './table.ts';

interface AddOptions {
  readonly redirectUri?: readonly string[];
  readonly postLogoutUri?: readonly string[];
  readonly authMethod?: string;
  readonly jwks?: string;
  readonly jwksUri?: string;
  readonly serviceAccount?: string;
  readonly scope?: readonly string[];
}

interface Added {
  readonly client: {
    readonly id: string;
    readonly name: string;
    readonly redirectUris: readonly string[];
    readonly authMethod: string;
    readonly scopes: readonly string[];
  };
  readonly secret: string | null;
}

export const defineClientAdd: CommandDefinition = (command, context) => {
  command
    .command('add')
    .description('add a client that does not register itself, and print its id (and secret, once)')
    .argument('<name>', 'how people see it')
    .option('--redirect-uri <uri>', 'where it may be sent back to; may be repeated', collect)
    .option('--post-logout-uri <uri>', 'where it may send people when it signs them out; may be repeated', collect)
    .option('--auth-method <method>', 'none, client_secret_basic or private_key_jwt')
    .option('--jwks <file>', 'its public keys as a JWK set; - for standard input')
    .option('--jwks-uri <url>', 'or where they are')
    .option('--service-account <name>', 'whom it acts for without a person (client credentials)')
    .option('--scope <scope>', 'all that it may ever get; may be repeated', collect)
    .addHelpText(
      'after',
      examples(
        'toolgate client add "Internal portal" --redirect-uri https://portal.example.com/callback',
        'toolgate client add nightly --service-account nightly-report --scope mcp:jira:read',
        'toolgate client add ci --service-account ci --jwks-uri https://ci.example.com/jwks.json',
      ),
    )
    .action(action<AddOptions, [string]>(context, addClient));
};

async function addClient(invocation: Invocation<AddOptions>, name: string): Promise<void> {
  const { options } = invocation;
  const { jwks, jwksUri, serviceAccount, redirectUri = [], postLogoutUri = [], scope = [] } = options;
  const keys = jwks === undefined ? undefined : keySetOf(await readText(invocation, jwks), jwks);
  const api = await invocation.api();
  const account = serviceAccount === undefined ? undefined : await lookup(api, SERVICE_ACCOUNTS, serviceAccount);
  const added = await api.send<Added>('POST', '/oauth-clients', {
    name,
    redirectUris: redirectUri,
    postLogoutRedirectUris: postLogoutUri,
    authMethod: options.authMethod ?? methodFor(options),
    scopes: scope,
    ...(keys !== undefined && { jwks: keys }),
    ...(jwksUri !== undefined && { jwksUri }),
    ...(account !== undefined && { serviceAccountId: account.id }),
  });
  invocation.show(added, () => addedBlock(invocation, added, api.gatewayUrl));
}

/** What fits to the rest, where it is not said. */
function methodFor({ jwks, jwksUri, serviceAccount }: AddOptions): string {
  if (jwks !== undefined || jwksUri !== undefined) return 'private_key_jwt';
  return serviceAccount === undefined ? 'none' : 'client_secret_basic';
}

function keySetOf(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CliError(`${file} is not JSON. Give a JWK set: {"keys": [...]}.`, { cause });
  }
}

function addedBlock({ terminal }: Invocation<AddOptions>, { client, secret }: Added, gatewayUrl: string): string {
  const { yellow } = terminal.style;
  const facts = renderFields([
    ['Client id', client.id],
    ['Client secret', secret],
    ['Proves itself', client.authMethod],
    ['Returns to', client.redirectUris.join(' ')],
    ['Scopes', client.scopes.join(' ')],
    ['Resource', `${gatewayUrl}/mcp`],
  ]);
  const notice = secret === null ? [] : [yellow('The secret is shown this once: keep it now.'), ''];
  return [`Added the client ${client.name}.`, ...notice, facts.replaceAll(/^/gm, '  ')].join('\n');
}
