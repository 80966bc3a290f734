import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import {
  assignRole,
  listRoleAssignments,
  type RoleAssignment,
  type Subject,
  unassignRole,
} from '../store/role-assignments.ts';
import type { AdminContext } from './admin-context.ts';
import { endedField, endedView } from './end-of-lesser.ts';
import { roleNameField, timeField } from './field-schemas.ts';
import { requireRoles } from './known-roles.ts';
import { guardOwnership } from './ownership.ts';
import { pageQuery, pageSchema, toPageBody } from './pagination.ts';
import { defineRoute, type Route } from './routes.ts';

const tag = 'Role assignments';

const AssignmentSchema = z
  .object({
    id: z.string(),
    role: z.string(),
    subject: z.object({ kind: z.enum(['user', 'service_account', 'group', 'access_key']), id: z.string() }),
    createdAt: timeField,
  })
  .meta({ id: 'RoleAssignment' });

const AssignedSchema = AssignmentSchema.extend({ endedCredentials: endedField }).meta({ id: 'AssignedRole' });

function assignmentView({ id, role, subject, createdAt }: RoleAssignment): z.input<typeof AssignmentSchema> {
  return { id, role, subject: { kind: subject.kind, id: subject.id }, createdAt };
}

const idField = z.string().regex(/^(?:usr|sva|grp|key)_[0-9a-z]{26}$/, 'This is not an id.');

/** Keys are not among them: roles on a key take away, so adding the first and removing the last mean the opposite. */
const grantedKindField = z.enum(['user', 'service_account', 'group'], {
  error: 'Write `user`, `service_account` or `group`. The roles of an access key are changed with the key itself.',
});

/** Whoever has more or fewer roles now is looked up anew at the next request. */
async function announce(context: AdminContext, { kind, id }: Subject): Promise<void> {
  if (kind === 'user' || kind === 'service_account') {
    await context.changed({ kind: 'principal-changed', principalKind: kind, id, disabled: false });
  } else await context.changed({ kind: 'assignments' });
}

/** Which principals and groups have which role. */
export const roleAssignmentRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/role-assignments',
    tag,
    operationId: 'listRoleAssignments',
    summary: 'List role assignments',
    access: 'admin',
    query: z
      .strictObject({
        ...pageQuery,
        role: roleNameField.optional(),
        subjectKind: z.enum(['user', 'service_account', 'group', 'access_key']).optional(),
        subjectId: idField.optional().describe('With `subjectKind`: only those of this subject.'),
      })
      .refine(({ subjectKind, subjectId }) => (subjectKind === undefined) === (subjectId === undefined), {
        message: 'Give both `subjectKind` and `subjectId`, or neither.',
        path: ['subjectId'],
      }),
    answer: { status: 200, description: 'In order of their creation.', schema: pageSchema(AssignmentSchema) },
    async handle({ context: { db }, caller: { tenantId }, query }) {
      const { role, subjectKind: kind, subjectId: id, limit, cursor } = query;
      const subject = kind === undefined || id === undefined ? undefined : { kind, id };
      const page = await listRoleAssignments(db, { tenantId, role, subject, limit, after: cursor });
      return { body: toPageBody(page, assignmentView) };
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/role-assignments',
    tag,
    operationId: 'assignRole',
    summary: 'Assign a role to a user, a service account or a group',
    description:
      'No error when it is assigned already. The role `owner` is assigned by owners only. Whoever becomes an owner or admin by it loses the credentials that somebody of lesser standing made for them.',
    access: 'admin',
    body: z
      .strictObject({ role: roleNameField, subject: z.strictObject({ kind: grantedKindField, id: idField }) })
      .meta({ id: 'AssignRole' }),
    action: 'role.assign',
    target: ({ body }) => `${body.role}/${body.subject.id}`,
    answer: { status: 201, description: 'The assignment.', schema: AssignedSchema },
    async handle(request) {
      const { context, caller } = request;
      const { role, subject } = request.body;
      const { tenantId } = caller;
      const { result, ended } = await guardOwnership(request, async (trx) => {
        await requireRoles(context, caller, [role], trx);
        await assignRole(trx, { tenantId, role, subject });
        const { items } = await listRoleAssignments(trx, { tenantId, role, subject, limit: 1 });
        return items[0]!;
      });
      await announce(context, subject);
      return { body: { ...assignmentView(result), endedCredentials: endedView(ended) } };
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/role-assignments/{subjectKind}/{subjectId}/{role}',
    tag,
    operationId: 'unassignRole',
    summary: 'Take a role away',
    access: 'admin',
    params: z.object({ subjectKind: grantedKindField, subjectId: idField, role: roleNameField }),
    action: 'role.unassign',
    target: ({ params }) => `${params.role}/${params.subjectId}`,
    answer: { status: 204, description: 'The subject does not have the role itself; groups may still give it.' },
    async handle(request) {
      const { context, caller } = request;
      const { subjectKind: kind, subjectId: id, role } = request.params;
      const subject = { kind, id };
      const { result: removed } = await guardOwnership(request, (trx) =>
        unassignRole(trx, { tenantId: caller.tenantId, role, subject }),
      );
      if (!removed) throw new AppError('not_found', 'This role is not assigned to this subject.');
      await announce(context, subject);
      return {};
    },
  }),
];
