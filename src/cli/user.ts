import type { CommandDefinition } from './invocation.ts';
import { USERS } from './lookup.ts';
import { definePrincipalCommands } from './principal-commands.ts';

export const defineUser: CommandDefinition = (command, context) =>
  definePrincipalCommands(command, context, {
    collection: USERS,
    kind: 'user',
    command: 'toolgate user',
    example: 'ann@example.com',
    about: { option: '--display-name <text>', member: 'displayName', help: 'what people call the person' },
    inGroups: true,
  });
