import type { Command } from 'commander';
import { confirmRemoval } from './confirm-removal.ts';
import { examples } from './help-text.ts';
import { action, type CliContext, collect, type Invocation } from './invocation.ts';
import { type Collection, GROUPS, lookup, type Principal } from './lookup.ts';
import { type Column, renderTable } from './table.ts';
import { formatMinute } from './time.ts';

export interface PrincipalSpec {
  readonly collection: Collection;
  readonly kind: 'user' | 'service_account';
  /** `toolgate user`. */
  readonly command: string;
  /** A name for the examples. */
  readonly example: string;
  /** What can be said about it beside its name: the option, the member of the API, and what it is. */
  readonly about: { readonly option: string; readonly member: 'displayName' | 'description'; readonly help: string };
  readonly inGroups: boolean;
}

interface AddOptions {
  readonly displayName?: string;
  readonly description?: string;
  readonly role?: readonly string[];
  readonly group?: readonly string[];
}

/** `add`, `list`, `disable`, `enable` and `remove`, which users and service accounts have alike. */
export function definePrincipalCommands(parent: Command, context: CliContext, spec: PrincipalSpec): void {
  const { command, example, about, collection } = spec;
  const { noun } = collection;
  const add = parent
    .command('add')
    .description(`create a ${noun}`)
    .argument('<name>', spec.kind === 'user' ? 'login: an e-mail address or a handle' : 'name')
    .option(about.option, about.help)
    .option('--role <name>', 'role to assign; may be repeated', collect);
  if (spec.inGroups) add.option('--group <name>', 'group to join; may be repeated', collect);
  add
    .addHelpText('after', examples(`${command} add ${example}`, `${command} add ${example} --role reader`))
    .action(action<AddOptions, [string]>(context, (invocation, name) => addPrincipal(invocation, spec, name)));

  parent
    .command('list')
    .description(`list ${noun}s`)
    .addHelpText('after', examples(`${command} list`, `${command} list --json`))
    .action(action(context, (invocation) => listPrincipals(invocation, spec)));

  const verb = (name: 'disable' | 'enable', description: string): void => {
    parent
      .command(name)
      .description(description)
      .argument('<name>', `name or id of the ${noun}`)
      .addHelpText('after', examples(`${command} ${name} ${example}`))
      .action(action<object, [string]>(context, (invocation, who) => setStatus(invocation, spec, who, name)));
  };
  verb('disable', `refuse the ${noun} from the very next request on, and end what it has open`);
  verb('enable', 'undo disable');

  parent
    .command('remove')
    .description(`remove a ${noun} with its keys, roles and stored credentials`)
    .argument('<name>', `name or id of the ${noun}`)
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples(`${command} remove ${example}`))
    .action(action<{ yes?: true }, [string]>(context, (invocation, who) => removePrincipal(invocation, spec, who)));
}

async function addPrincipal(invocation: Invocation<AddOptions>, spec: PrincipalSpec, name: string): Promise<void> {
  const { options, terminal } = invocation;
  const { collection, about, kind } = spec;
  const api = await invocation.api();
  // Whatever could be misspelt is looked up before anything is made.
  const groups = [];
  for (const group of options.group ?? []) groups.push(await lookup(api, GROUPS, group));
  const text = options[about.member];
  const created = await api.send<Principal>('POST', collection.path, {
    name,
    ...(text !== undefined && { [about.member]: text }),
  });
  for (const { id } of groups) await api.send('PUT', `/groups/${id}/members/${created.id}`);
  for (const role of options.role ?? []) {
    await api.send('POST', '/role-assignments', { role, subject: { kind, id: created.id } });
  }
  const option = kind === 'user' ? '--user' : '--service-account';
  invocation.show(created, () =>
    [
      `Added the ${collection.noun} ${terminal.style.bold(created.name)} (${created.id}).`,
      `Next: toolgate key create ${option} ${created.name}`,
    ].join('\n'),
  );
}

async function listPrincipals(invocation: Invocation, { collection, about }: PrincipalSpec): Promise<void> {
  const { terminal } = invocation;
  const api = await invocation.api();
  const items = await api.all<Principal>(collection.path);
  const columns: Column<Principal>[] = [
    { title: 'NAME', value: ({ name }) => name, shrinks: true },
    {
      title: 'STATUS',
      value: ({ status }) => status,
      paint: (cell, { status }) => (status === 'disabled' ? terminal.style.yellow(cell) : cell),
    },
    { title: 'CREATED', value: ({ createdAt }) => formatMinute(createdAt) },
    {
      title: about.member === 'displayName' ? 'DISPLAY NAME' : 'DESCRIPTION',
      value: (item) => item[about.member] ?? '',
      shrinks: true,
    },
  ];
  invocation.show(items, () =>
    items.length === 0 ? `There are no ${collection.noun}s.` : renderTable(columns, items, terminal.columns),
  );
}

async function setStatus(
  invocation: Invocation,
  { collection }: PrincipalSpec,
  who: string,
  verb: 'disable' | 'enable',
) {
  const api = await invocation.api();
  const { id } = await lookup(api, collection, who);
  const changed = await api.send<Principal>('POST', `${collection.path}/${id}/${verb}`);
  const effect = verb === 'disable' ? 'Every key is refused from now on.' : 'Its keys work again.';
  invocation.show(changed, () => `The ${collection.noun} ${changed.name} is ${verb}d. ${effect}`);
}

async function removePrincipal(invocation: Invocation<{ yes?: true }>, { collection }: PrincipalSpec, who: string) {
  const api = await invocation.api();
  const found = await lookup<Principal>(api, collection, who);
  await confirmRemoval(
    invocation,
    `Remove the ${collection.noun} ${found.name} with all keys, roles and stored credentials?`,
  );
  await api.send('DELETE', `${collection.path}/${found.id}`, undefined, { ifMatch: found.etag });
  invocation.show({ removed: found.id }, () => `Removed the ${collection.noun} ${found.name}.`);
}
