import type { AdminClient } from './admin-client.ts';
import { confirmRemoval } from './confirm-removal.ts';
import { type EndedCredentials, endedLines } from './ended-credentials.ts';
import { examples } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { GROUPS, lookup, type Named, type Principal, USERS } from './lookup.ts';
import { renderTable } from './table.ts';
import { formatMinute } from './time.ts';

interface Group extends Named {
  readonly description: string;
  readonly createdAt: number;
  readonly etag: string;
}

export const defineGroup: CommandDefinition = (command, context) => {
  command
    .command('add')
    .description('create a group')
    .argument('<name>', 'name')
    .option('--description <text>', 'who is in it')
    .addHelpText('after', examples('toolgate group add engineers --description "Everybody who ships"'))
    .action(action<{ description?: string }, [string]>(context, addGroup));
  command
    .command('list')
    .description('list groups')
    .addHelpText('after', examples('toolgate group list'))
    .action(action(context, listGroups));
  command
    .command('remove')
    .description('remove a group; its members stay, without the roles that they had through it')
    .argument('<group>', 'name or id')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples('toolgate group remove engineers'))
    .action(action<{ yes?: true }, [string]>(context, removeGroup));
  command
    .command('members')
    .description('list the members of a group')
    .argument('<group>', 'name or id')
    .addHelpText('after', examples('toolgate group members engineers'))
    .action(action<object, [string]>(context, listMembers));
  command
    .command('add-member')
    .description('add users to a group')
    .argument('<group>', 'name or id')
    .argument('<user...>', 'names or ids')
    .addHelpText('after', examples('toolgate group add-member engineers ann@example.com bob@example.com'))
    .action(
      action<object, [string, string[]]>(context, (invocation, group, users) =>
        changeMembers(invocation, group, users, 'PUT'),
      ),
    );
  command
    .command('remove-member')
    .description('take users out of a group')
    .argument('<group>', 'name or id')
    .argument('<user...>', 'names or ids')
    .addHelpText('after', examples('toolgate group remove-member engineers ann@example.com'))
    .action(
      action<object, [string, string[]]>(context, (invocation, group, users) =>
        changeMembers(invocation, group, users, 'DELETE'),
      ),
    );
};

async function addGroup(invocation: Invocation<{ description?: string }>, name: string): Promise<void> {
  const { description } = invocation.options;
  const api = await invocation.api();
  const group = await api.send<Group>('POST', '/groups', { name, ...(description !== undefined && { description }) });
  invocation.show(group, () => `Added the group ${group.name}.\nNext: toolgate group add-member ${group.name} <user>`);
}

async function listGroups(invocation: Invocation): Promise<void> {
  const api = await invocation.api();
  const groups = await api.all<Group>('/groups');
  invocation.show(groups, () =>
    groups.length === 0
      ? 'There are no groups.'
      : renderTable(
          [
            { title: 'NAME', value: ({ name }) => name, shrinks: true },
            { title: 'CREATED', value: ({ createdAt }) => formatMinute(createdAt) },
            { title: 'DESCRIPTION', value: ({ description }) => description, shrinks: true },
          ],
          groups,
          invocation.terminal.columns,
        ),
  );
}

async function removeGroup(invocation: Invocation<{ yes?: true }>, name: string): Promise<void> {
  const api = await invocation.api();
  const group = await lookup<Group>(api, GROUPS, name);
  await confirmRemoval(invocation, `Remove the group ${group.name}?`);
  await api.send('DELETE', `/groups/${group.id}`, undefined, { ifMatch: group.etag });
  invocation.show({ removed: group.id }, () => `Removed the group ${group.name}.`);
}

async function listMembers(invocation: Invocation, name: string): Promise<void> {
  const api = await invocation.api();
  const { id } = await lookup(api, GROUPS, name);
  const members = await api.all<Principal>(`/groups/${id}/members`);
  invocation.show(members, () =>
    members.length === 0
      ? `The group ${name} has no members.`
      : renderTable(
          [
            { title: 'NAME', value: (user) => user.name, shrinks: true },
            { title: 'STATUS', value: ({ status }) => status },
            { title: 'DISPLAY NAME', value: ({ displayName }) => displayName ?? '', shrinks: true },
          ],
          members,
          invocation.terminal.columns,
        ),
  );
}

async function changeMembers(invocation: Invocation, name: string, names: string[], method: 'PUT' | 'DELETE') {
  const api = await invocation.api();
  const group = await lookup<Group>(api, GROUPS, name);
  const users = await lookupAll(api, names);
  const ended: EndedCredentials[] = [];
  for (const { id } of users) {
    const path = `/groups/${group.id}/members/${id}`;
    // A removal answers without a body.
    const answer = await api.send<{ endedCredentials: EndedCredentials[] } | undefined>(method, path);
    ended.push(...(answer?.endedCredentials ?? []));
  }
  const done = method === 'PUT' ? 'is in' : 'is no longer in';
  const nameOf = (id: string) => users.find((user) => user.id === id)?.name ?? null;
  invocation.show(
    { group: group.id, users: users.map(({ id }) => id), ...(method === 'PUT' && { endedCredentials: ended }) },
    () => users.map((user) => `${user.name} ${done} ${group.name}.`).join('\n') + endedLines(ended, nameOf),
  );
}

/** All of them before the first change. */
async function lookupAll(api: AdminClient, names: readonly string[]): Promise<Principal[]> {
  const users: Principal[] = [];
  for (const name of names) users.push(await lookup<Principal>(api, USERS, name));
  return users;
}
