import * as z from 'zod';
import type { Caller } from '../model/principal.ts';
import type { RoleRule } from '../model/role.ts';
import type { Database } from '../store/database.ts';
import { listGroupMembers } from '../store/group-members.ts';
import { type Group, listGroups } from '../store/groups.ts';
import { listRoleAssignments } from '../store/role-assignments.ts';
import { allRoles, type StoredRole } from '../store/roles.ts';
import { listServiceAccounts, type ServiceAccount } from '../store/service-accounts.ts';
import { allUpstreams, type StoredUpstream } from '../store/upstreams.ts';
import { listUsers, type User } from '../store/users.ts';
import {
  descriptionField,
  displayNameField,
  groupNameField,
  loginField,
  nameField,
  roleNameField,
  statusField,
} from './field-schemas.ts';
import { everything } from './pagination.ts';
import { roleFields } from './role-view.ts';
import { CreateUpstreamSchema } from './upstream-schemas.ts';
import { upstreamOf } from './upstream-view.ts';

/** A list that a document may have: as many entries as one transaction can take without holding others up for long. */
const listOf = <S extends z.ZodType>(item: S) => z.array(item).max(5000).optional();

const AssignmentStateSchema = z.strictObject({
  role: roleNameField,
  subject: z.strictObject({ kind: z.enum(['user', 'service_account', 'group']), name: z.string().max(254) }),
});

export const PRUNABLE = ['roles', 'users', 'serviceAccounts', 'groups', 'upstreams', 'roleAssignments'] as const;
export type StateKind = (typeof PRUNABLE)[number];

/** Everything that is declared over the API, by name. Access keys and credentials are not part of it. */
export const StateDocumentSchema = z
  .strictObject({
    version: z.literal(1),
    roles: listOf(z.strictObject({ name: roleNameField, ...roleFields })),
    users: listOf(
      z.strictObject({ name: loginField, displayName: displayNameField.optional(), status: statusField.optional() }),
    ),
    serviceAccounts: listOf(
      z.strictObject({
        name: nameField(100),
        description: descriptionField.optional(),
        status: statusField.optional(),
      }),
    ),
    groups: listOf(
      z.strictObject({
        name: groupNameField,
        description: descriptionField.optional(),
        members: z.array(z.string().max(254)).max(5000).optional().describe('Logins; all members. Absent: left alone.'),
      }),
    ),
    upstreams: listOf(CreateUpstreamSchema),
    roleAssignments: listOf(AssignmentStateSchema),
    prune: z
      .strictObject(
        Object.fromEntries(PRUNABLE.map((kind) => [kind, z.boolean().optional()])) as Record<
          StateKind,
          z.ZodOptional<z.ZodBoolean>
        >,
      )
      .optional()
      .describe(
        'Kinds of which everything that is not listed is removed. A kind that is not in the document is left alone.',
      ),
  })
  .meta({ id: 'State' });

export type StateDocument = z.output<typeof StateDocumentSchema>;
export type AssignmentState = z.output<typeof AssignmentStateSchema>;

export interface StoredGroup extends Group {
  /** Logins, sorted. */
  readonly members: readonly string[];
}

/** What a document is compared with. */
export interface StoredState {
  readonly roles: readonly StoredRole[];
  readonly users: readonly User[];
  readonly serviceAccounts: readonly ServiceAccount[];
  readonly groups: readonly StoredGroup[];
  readonly upstreams: readonly StoredUpstream[];
  readonly roleAssignments: readonly AssignmentState[];
}

export async function loadState(db: Database, { tenantId }: Caller): Promise<StoredState> {
  const users = await everything((page) => listUsers(db, { tenantId, ...page }));
  const serviceAccounts = await everything((page) => listServiceAccounts(db, { tenantId, ...page }));
  const groups: StoredGroup[] = [];
  for (const group of await everything((page) => listGroups(db, { tenantId, ...page }))) {
    const members = await everything((page) => listGroupMembers(db, { tenantId, groupId: group.id, ...page }));
    groups.push({ ...group, members: members.map((user) => user.name).sort() });
  }
  const names = new Map([...users, ...serviceAccounts, ...groups].map(({ id, name }) => [id, name]));
  const assignments = await everything((page) => listRoleAssignments(db, { tenantId, ...page }));
  const roleAssignments = assignments.flatMap(({ role, subject: { kind, id } }): AssignmentState[] => {
    const name = names.get(id);
    return kind === 'access_key' || name === undefined ? [] : [{ role, subject: { kind, name } }];
  });
  const [roles, upstreams] = [await allRoles(db, tenantId), await allUpstreams(db, tenantId)];
  return { roles, users, serviceAccounts, groups, upstreams, roleAssignments };
}

const copyRules = (rules: readonly RoleRule[]) => JSON.parse(JSON.stringify(rules)) as RoleRule[];

/** The document that describes this state. Applied to it, it changes nothing. */
export function documentOf(state: StoredState) {
  return {
    version: 1,
    roles: state.roles.map(({ name, description, allow, deny }) => ({
      name,
      description,
      allow: copyRules(allow),
      deny: copyRules(deny),
    })),
    users: state.users.map(({ name, displayName, status }) => ({ name, displayName, status })),
    serviceAccounts: state.serviceAccounts.map(({ name, description, status }) => ({ name, description, status })),
    groups: state.groups.map(({ name, description, members }) => ({ name, description, members: [...members] })),
    upstreams: state.upstreams.map((stored) => {
      const { source: _, ...settings } = upstreamOf(stored);
      return settings;
    }),
    roleAssignments: [...state.roleAssignments],
  } as const;
}
