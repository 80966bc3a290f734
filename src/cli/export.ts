import { stringify } from 'yaml';
import { explained } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';

export const defineExport: CommandDefinition = (command, context) => {
  command
    .addHelpText(
      'after',
      explained(
        `Users, service accounts, groups, roles, assignments and upstreams, by name; \`toolgate apply\` reads it. Neither access
keys nor credentials are in it, nor what stands in the configuration file.`,
        'toolgate export > state.yaml',
        'toolgate export --json',
      ),
    )
    .action(action(context, exportState));
};

async function exportState(invocation: Invocation): Promise<void> {
  const api = await invocation.api();
  const document = await api.get<object>('/state');
  invocation.show(document, () => stringify(document, { lineWidth: 120 }).trimEnd());
}
