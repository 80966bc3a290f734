import { examples } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { renderFields } from './table.ts';

interface Whoami {
  readonly principal: { readonly kind: string; readonly id: string; readonly name: string };
  readonly agent: { readonly kind: string; readonly id: string; readonly name: string };
  readonly roles: readonly string[];
  readonly restriction: { readonly roles: readonly string[]; readonly tools: readonly string[] } | null;
  readonly administers: 'none' | 'admin' | 'owner';
  readonly address: string;
  readonly version: string;
}

export const defineWhoami: CommandDefinition = (command, context) => {
  command
    .addHelpText(
      'after',
      examples('toolgate whoami', 'TOOLGATE_KEY=tgs_… toolgate whoami --url https://mcp.example.com'),
    )
    .action(action(context, whoami));
};

async function whoami(invocation: Invocation): Promise<void> {
  const api = await invocation.api();
  const me = await api.get<Whoami>('/whoami');
  invocation.show(me, () =>
    renderFields([
      ['Principal', `${me.principal.name} (${me.principal.kind.replace('_', ' ')}, ${me.principal.id})`],
      [
        'Through',
        api.offline ? 'the data folder, as its user on this machine' : `the key ${me.agent.name} (${me.agent.id})`,
      ],
      ['Roles', me.roles.join(', ') || 'none: nothing may be called'],
      ['Limited to', me.restriction && [...me.restriction.roles, ...me.restriction.tools].join(', ')],
      ['Administers', me.administers === 'none' ? 'nothing' : `as ${me.administers}`],
      ['Gateway', `${api.place} (Toolgate ${me.version})`],
    ]),
  );
}
