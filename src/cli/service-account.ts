import type { CommandDefinition } from './invocation.ts';
import { SERVICE_ACCOUNTS } from './lookup.ts';
import { definePrincipalCommands } from './principal-commands.ts';

export const defineServiceAccount: CommandDefinition = (command, context) =>
  definePrincipalCommands(command, context, {
    collection: SERVICE_ACCOUNTS,
    kind: 'service_account',
    command: 'toolgate service-account',
    example: 'nightly-report',
    about: { option: '--description <text>', member: 'description', help: 'what it is for' },
    inGroups: false,
  });
