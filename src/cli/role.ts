import { applyRoles } from './apply-roles.ts';
import { CliError } from './cli-error.ts';
import { confirmRemoval } from './confirm-removal.ts';
import { type EndedCredentials, endedLines } from './ended-credentials.ts';
import { examples, explained } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { GROUPS, lookup, lookupPrincipal, type PrincipalOptions } from './lookup.ts';
import { type RoleView, showRole } from './show-role.ts';
import { renderTable } from './table.ts';

interface SubjectOptions extends PrincipalOptions {
  readonly group?: string;
}

export const defineRole: CommandDefinition = (command, context) => {
  command
    .command('list')
    .description('list roles')
    .addHelpText('after', examples('toolgate role list'))
    .action(action(context, listRoles));
  command
    .command('show')
    .description('show the rules of a role, and who has it')
    .argument('<role>', 'name')
    .addHelpText('after', examples('toolgate role show reader'))
    .action(action<object, [string]>(context, showRole));
  command
    .command('apply')
    .description('create or replace roles from a YAML file')
    .requiredOption('-f, --file <file>', 'one role or a list of roles; - for standard input')
    .addHelpText(
      'after',
      explained(
        `A role allows what one of its \`allow\` rules covers, unless a \`deny\` rule of any role covers it:

  name: reader
  description: Looks at issues, changes nothing
  allow:
    - { upstream: jira, tools: ['get_*', 'search_*'] }
    - { upstream: 'github*', tools: ['*'], when: { readOnly: true } }
  deny:
    - { upstream: '*', tools: ['delete_*'] }`,
        'toolgate role apply -f reader.yaml',
      ),
    )
    .action(action<{ file: string }, []>(context, applyRoles));
  command
    .command('remove')
    .description('remove a role, and take it from everybody who has it')
    .argument('<role>', 'name')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples('toolgate role remove reader'))
    .action(action<{ yes?: true }, [string]>(context, removeRole));
  for (const verb of ['assign', 'unassign'] as const) {
    command
      .command(verb)
      .description(verb === 'assign' ? 'give a role to somebody' : 'take a role away')
      .argument('<role>', 'name')
      .option('--user <name>', 'to or from this user')
      .option('--service-account <name>', 'to or from this service account')
      .option('--group <name>', 'to or from everybody in this group')
      .addHelpText(
        'after',
        examples(
          `toolgate role ${verb} reader --user ann@example.com`,
          `toolgate role ${verb} reader --group engineers`,
        ),
      )
      .action(
        action<SubjectOptions, [string]>(context, (invocation, role) => changeAssignment(invocation, role, verb)),
      );
  }
};

async function listRoles(invocation: Invocation): Promise<void> {
  const api = await invocation.api();
  const roles = await api.all<RoleView>('/roles');
  invocation.show(roles, () =>
    renderTable(
      [
        { title: 'NAME', value: ({ name }) => name },
        { title: 'FROM', value: ({ source }) => ({ builtin: 'built in', file: 'file', api: 'here' })[source] },
        { title: 'ALLOW', value: ({ allow }) => String(allow.length) },
        { title: 'DENY', value: ({ deny }) => String(deny.length) },
        { title: 'DESCRIPTION', value: ({ description }) => description, shrinks: true },
      ],
      roles,
      invocation.terminal.columns,
    ),
  );
}

async function removeRole(invocation: Invocation<{ yes?: true }>, name: string): Promise<void> {
  const api = await invocation.api();
  const role = await api.get<RoleView>(`/roles/${encodeURIComponent(name)}`);
  await confirmRemoval(invocation, `Remove the role ${name} and take it from everybody who has it?`);
  // A role that is built in or stands in the file has no version; the API then says where to change it.
  await api.send('DELETE', `/roles/${encodeURIComponent(name)}`, undefined, { ifMatch: role.etag ?? '*' });
  invocation.show({ removed: name }, () => `Removed the role ${name}.`);
}

async function changeAssignment(invocation: Invocation<SubjectOptions>, role: string, verb: 'assign' | 'unassign') {
  const { options } = invocation;
  const api = await invocation.api();
  const { group, user, serviceAccount } = options;
  if ([group, user, serviceAccount].filter((one) => one !== undefined).length !== 1) {
    throw new CliError('Say who: --user, --service-account or --group, one of them.', { exitCode: 2 });
  }
  const subject =
    group === undefined
      ? await lookupPrincipal(api, options)
      : { ...(await lookup(api, GROUPS, group)), kind: 'group' as const };
  const { kind, id } = subject;
  if (verb === 'unassign') {
    await api.send('DELETE', `/role-assignments/${kind}/${id}/${encodeURIComponent(role)}`);
    invocation.show(
      { role, subject: { kind, id }, unassigned: true },
      () => `${subject.name} no longer has the role ${role} itself.`,
    );
    return;
  }
  const { endedCredentials } = await api.send<{ endedCredentials: EndedCredentials[] }>('POST', '/role-assignments', {
    role,
    subject: { kind, id },
  });
  const nameOf = (ended: string) => (ended === id ? subject.name : null);
  invocation.show(
    { role, subject: { kind, id }, assigned: true, endedCredentials },
    () => `${subject.name} has the role ${role}.${endedLines(endedCredentials, nameOf)}`,
  );
}
