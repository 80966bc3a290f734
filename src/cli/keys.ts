import { explained } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { renderTable } from './table.ts';

interface SigningKeys {
  readonly items: readonly { readonly kid: string; readonly state: 'active' | 'next' | 'retired' }[];
}

const MEANING = { active: 'signs', next: 'announced, signs next', retired: 'still verifies' } as const;

export const defineKeys: CommandDefinition = (command, context) => {
  command
    .command('list')
    .description('list the keys that access tokens are signed with')
    .addHelpText(
      'after',
      explained('Access keys of people and machines are under `toolgate key`.', 'toolgate keys list'),
    )
    .action(
      action(context, async (invocation) => show(invocation, await (await invocation.api()).get('/signing-keys'))),
    );
  command
    .command('rotate')
    .description('sign access tokens with a new key from now on')
    .addHelpText(
      'after',
      explained(
        'This also happens by itself, every 90 days. No token is refused because of it: those of the old key stay good until they expire.',
        'toolgate keys rotate',
      ),
    )
    .action(
      action(context, async (invocation) =>
        show(invocation, await (await invocation.api()).send('POST', '/signing-keys/rotate')),
      ),
    );
};

function show(invocation: Invocation, keys: SigningKeys): void {
  invocation.show(keys, () =>
    renderTable(
      [
        { title: 'KEY', value: ({ kid }) => kid },
        { title: 'STATE', value: ({ state }) => state },
        { title: 'MEANING', value: ({ state }) => MEANING[state] },
      ],
      keys.items,
      invocation.terminal.columns,
    ),
  );
}
