import { examples } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { lookup, USERS } from './lookup.ts';
import { definePrincipalCommands } from './principal-commands.ts';
import { formatMinute } from './time.ts';

interface SetupLink {
  readonly url: string;
  readonly expiresAt: number;
}

export const defineUser: CommandDefinition = (command, context) => {
  definePrincipalCommands(command, context, {
    collection: USERS,
    kind: 'user',
    command: 'toolgate user',
    example: 'ann@example.com',
    about: { option: '--display-name <text>', member: 'displayName', help: 'what people call the person' },
    inGroups: true,
  });
  command
    .command('setup-link')
    .description('make a link with which a user chooses a password, once')
    .argument('<user>', 'name or id')
    .option('--recovery', 'for somebody who lost the password or the second factor; removes both')
    .addHelpText(
      'after',
      examples('toolgate user setup-link ann@example.com', 'toolgate user setup-link ann@example.com --recovery'),
    )
    .action(action<{ recovery?: true }, [string]>(context, makeSetupLink));
};

async function makeSetupLink(invocation: Invocation<{ recovery?: true }>, name: string): Promise<void> {
  const { bold, yellow } = invocation.terminal.style;
  const api = await invocation.api();
  const user = await lookup(api, USERS, name);
  const purpose = invocation.options.recovery ? 'recovery' : 'setup';
  const link = await api.send<SetupLink>('POST', `/users/${user.id}/setup-links`, { purpose });
  invocation.show(link, () =>
    [
      yellow('The link is shown this once. Whoever opens it first can sign in as this user: send it privately.'),
      '',
      `  ${bold(link.url)}`,
      '',
      `It works once, until ${formatMinute(link.expiresAt)}.`,
    ].join('\n'),
  );
}
