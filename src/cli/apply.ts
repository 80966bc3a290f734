import { CliError } from './cli-error.ts';
import { endedLines } from './ended-credentials.ts';
import { explained } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { readYaml } from './read-yaml.ts';
import { type AppliedState, renderChanges, summaryOf } from './state-changes.ts';
import { warnUnknownUpstreams } from './warn-unknown-upstreams.ts';

interface ApplyOptions {
  readonly file: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly prune?: true;
}

export const defineApply: CommandDefinition = (command, context) => {
  command
    .requiredOption('-f, --file <file>', 'YAML as `toolgate export` prints it; - for standard input')
    .option('--dry-run', 'show what would change, and stop')
    .option('--prune', 'also remove what the file does not list, of the kinds that it lists')
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      explained(
        `All or nothing: when one change cannot be made, none is. Applied twice, the second time changes nothing.

  roles:
    - name: reader
      allow: [{ upstream: '*', tools: ['*'], when: { readOnly: true } }]
  users:
    - name: ann@example.com
  roleAssignments:
    - { role: reader, subject: { kind: user, name: ann@example.com } }`,
        'toolgate apply -f state.yaml',
        'toolgate apply -f state.yaml --dry-run',
        'toolgate apply -f state.yaml --prune --yes',
      ),
    )
    .action(action<ApplyOptions, []>(context, apply));
};

async function apply(invocation: Invocation<ApplyOptions>): Promise<void> {
  const { options, terminal } = invocation;
  const document = documentOf(await readYaml(invocation, options.file), options);
  const api = await invocation.api();
  const plan = await api.send<AppliedState>('POST', '/state/apply?dryRun=true', document);
  if (options.dryRun || plan.changes.length === 0) {
    invocation.show(plan, () =>
      plan.changes.length === 0 ? 'Nothing to change.' : describe(invocation, plan, 'Would'),
    );
    return;
  }
  if (!options.json) terminal.print(renderChanges(plan.changes, terminal.style));
  if (!options.yes) await agree(invocation, plan);
  const applied = await api.send<AppliedState>('POST', '/state/apply', document);
  invocation.show(applied, () => `\nDone: ${summaryOf(applied)}.${endedLines(applied.endedCredentials)}`);
  const { roles = [] } = document as { roles?: readonly Readonly<Record<string, unknown>>[] };
  await warnUnknownUpstreams(api, terminal, roles);
}

/** The document as the API takes it. Throws a CliError for what is none. */
function documentOf(content: unknown, { file, prune }: ApplyOptions): Readonly<Record<string, unknown>> {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new CliError(`${file} holds no declarations. See \`toolgate apply --help\` for how they look.`);
  }
  const kinds = Object.keys(content).filter((key) => key !== 'version' && key !== 'prune');
  return {
    version: 1,
    ...content,
    ...(prune && { prune: Object.fromEntries(kinds.map((kind) => [kind, true])) }),
  };
}

function describe({ terminal }: Invocation, plan: AppliedState, verb: string): string {
  return `${renderChanges(plan.changes, terminal.style)}\n\n${verb} ${summaryOf(plan)}.`;
}

async function agree({ terminal, options }: Invocation<ApplyOptions>, plan: AppliedState): Promise<void> {
  if (!terminal.interactive || options.json) {
    throw new CliError('Nothing was changed: there is nobody to ask. Repeat it with --yes, or look with --dry-run.');
  }
  if (!(await terminal.confirm(`\n${summaryOf(plan)[0]!.toUpperCase()}${summaryOf(plan).slice(1)}?`))) {
    throw new CliError('Nothing was changed.');
  }
}
