import { stringify } from 'yaml';
import type { AdminClient } from './admin-client.ts';
import type { Invocation } from './invocation.ts';
import { GROUPS, type Named, SERVICE_ACCOUNTS, USERS } from './lookup.ts';

/** A role as the API shows it. */
export interface RoleView {
  readonly name: string;
  readonly description: string;
  readonly source: 'builtin' | 'file' | 'api';
  readonly allow: readonly object[];
  readonly deny: readonly object[];
  readonly etag?: string;
}

interface Assignment {
  readonly subject: { readonly kind: 'user' | 'service_account' | 'group' | 'access_key'; readonly id: string };
}

/** Prints a role as YAML that `role apply` reads, and who has it as comments below. */
export async function showRole(invocation: Invocation, name: string): Promise<void> {
  const api = await invocation.api();
  const role = await api.get<RoleView>(`/roles/${encodeURIComponent(name)}`);
  const assignments = await api.all<Assignment>('/role-assignments', { role: name });
  const assigned: string[] = [];
  for (const { subject } of assignments) assigned.push(await describe(api, subject));
  const { allow, deny, description, source } = role;
  invocation.show({ ...role, assignedTo: assignments.map(({ subject }) => subject) }, () =>
    [
      stringify({ name, description, allow, deny }).trimEnd(),
      '',
      ...(source === 'api' ? [] : [source === 'file' ? '# From the configuration file.' : '# Built in.']),
      assigned.length === 0 ? '# Assigned to nobody.' : '# Assigned to:',
      ...assigned.map((line) => `#   ${line}`),
    ].join('\n'),
  );
}

const COLLECTIONS = { user: USERS, service_account: SERVICE_ACCOUNTS, group: GROUPS } as const;

async function describe(api: AdminClient, { kind, id }: Assignment['subject']): Promise<string> {
  if (kind === 'access_key') return `access key ${id}, which it narrows`;
  const { path, noun } = COLLECTIONS[kind];
  return `${noun} ${(await api.get<Named>(`${path}/${id}`)).name}`;
}
