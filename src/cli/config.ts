import { renderConfigDocs } from '../config/render-docs.ts';
import { SETTINGS } from '../config/settings.ts';
import { examples } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';

export const defineConfig: CommandDefinition = (command, context) => {
  command
    .command('docs')
    .description('print everything that can stand in toolgate.yaml, with variables and flags')
    .addHelpText('after', examples('toolgate config docs | less'))
    .action(action(context, printDocs));
};

/** What docs/config.md says, of the version that runs; an installed package has no such file. */
async function printDocs(invocation: Invocation): Promise<void> {
  invocation.show(SETTINGS, () =>
    renderConfigDocs()
      .replace(/<!-- .* -->\n\n/, '')
      .trimEnd(),
  );
}
