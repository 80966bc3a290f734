import { examples, explained } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { renderTable } from './table.ts';
import { type TestOptions, testProvider } from './test-provider.ts';

interface Provider {
  readonly name: string;
  readonly title: string;
  readonly preset: string;
  readonly issuer: string;
}

export const defineIdp: CommandDefinition = (command, context) => {
  command
    .command('list')
    .description('list the identity providers that people sign in with')
    .addHelpText('after', examples('toolgate idp list'))
    .action(action(context, listProviders));
  command
    .command('test')
    .description('try an identity provider, with a login, and show what each rule gives')
    .argument('<name>', 'its name in the configuration')
    .option('--no-login', 'only what can be seen without a login')
    .addHelpText(
      'after',
      explained(
        'Reads the metadata and the keys, tries the client id and secret, and prints a URL. Whoever signs in there gets no ' +
          'account and is not signed in here: the login only shows what the provider tells, and what the rules make of it.',
        'toolgate idp test okta',
        'toolgate idp test okta --no-login --json',
      ),
    )
    .action(action<TestOptions, [string]>(context, testProvider));
};

async function listProviders(invocation: Invocation): Promise<void> {
  const api = await invocation.api();
  const { items } = await api.get<{ items: Provider[] }>('/identity-providers');
  invocation.show(items, () =>
    items.length === 0
      ? 'There are no identity providers. They are declared in the configuration: `oauth.identityProviders`.'
      : renderTable(
          [
            { title: 'NAME', value: ({ name }) => name },
            { title: 'TITLE', value: ({ title }) => title, shrinks: true },
            { title: 'PRESET', value: ({ preset }) => preset },
            { title: 'ISSUER', value: ({ issuer }) => issuer, shrinks: true },
          ],
          items,
          invocation.terminal.columns,
        ),
  );
}
