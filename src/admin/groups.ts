import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import { newId } from '../lib/ids.ts';
import type { Database } from '../store/database.ts';
import { addGroupMember, listGroupMembers, removeGroupMember } from '../store/group-members.ts';
import {
  deleteGroup,
  findGroup,
  findGroupByName,
  type Group,
  insertGroup,
  listGroups,
  updateGroup,
} from '../store/groups.ts';
import { endedField, endedView } from './end-of-lesser.ts';
import { etagOf, matchVersion, orStale } from './etag.ts';
import { descriptionField, groupIdField, groupNameField, userIdField } from './field-schemas.ts';
import { GroupSchema, groupView } from './group-view.ts';
import { guardOwnership } from './ownership.ts';
import { pageQuery, pageSchema, toPageBody } from './pagination.ts';
import { type AdminRequest, defineRoute, type Route } from './routes.ts';
import { UserSchema, userView } from './user-view.ts';

const tag = 'Groups';
const params = z.object({ id: groupIdField });
const memberParams = z.object({ id: groupIdField, userId: userIdField });

const shown = (group: Group) => ({ body: groupView(group), etag: etagOf(group) });

async function requireGroup(db: Database, { caller, params: { id } }: AdminRequest<{ id: string }>): Promise<Group> {
  const group = await findGroup(db, { tenantId: caller.tenantId, id });
  if (!group) throw new AppError('not_found', 'There is no such group.');
  return group;
}

const memberOf = ({ caller, params }: AdminRequest<{ id: string; userId: string }>) => ({
  tenantId: caller.tenantId,
  groupId: params.id,
  userId: params.userId,
});

const crudRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/groups',
    tag,
    operationId: 'listGroups',
    summary: 'List groups',
    access: 'admin',
    query: z.strictObject({
      ...pageQuery,
      name: z.string().max(254).optional().describe('Only the group of this name, whatever its case.'),
    }),
    answer: { status: 200, description: 'In order of their creation.', schema: pageSchema(GroupSchema) },
    async handle({ context: { db }, caller: { tenantId }, query: { name, limit, cursor } }) {
      if (name === undefined)
        return { body: toPageBody(await listGroups(db, { tenantId, limit, after: cursor }), groupView) };
      const found = await findGroupByName(db, { tenantId, name });
      return { body: toPageBody({ items: found === null ? [] : [found], next: null }, groupView) };
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/groups',
    tag,
    operationId: 'createGroup',
    summary: 'Create a group',
    access: 'admin',
    body: z
      .strictObject({ name: groupNameField, description: descriptionField.default('') })
      .meta({ id: 'CreateGroup' }),
    action: 'group.create',
    target: ({ body }) => body.name,
    answer: { status: 201, description: 'The new group, without members.', schema: GroupSchema, etag: true },
    async handle({ context: { db }, caller: { tenantId }, body }) {
      const now = Date.now();
      return shown(await insertGroup(db, { tenantId, id: newId('grp', now), ...body, createdAt: now }));
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/groups/{id}',
    tag,
    operationId: 'getGroup',
    summary: 'Get a group',
    access: 'admin',
    params,
    answer: { status: 200, description: 'The group.', schema: GroupSchema, etag: true },
    handle: async (request) => shown(await requireGroup(request.context.db, request)),
  }),
  defineRoute({
    method: 'PATCH',
    path: '/groups/{id}',
    tag,
    operationId: 'updateGroup',
    summary: 'Change the name or description of a group',
    access: 'admin',
    params,
    body: z
      .strictObject({ name: groupNameField.optional(), description: descriptionField.optional() })
      .meta({ id: 'UpdateGroup' }),
    action: 'group.update',
    target: (request) => request.params.id,
    versioned: true,
    answer: { status: 200, description: 'The changed group.', schema: GroupSchema, etag: true },
    async handle(request) {
      const { context, ifMatch, body } = request;
      const group = await requireGroup(context.db, request);
      const version = matchVersion(ifMatch, group);
      const { result } = await guardOwnership(request, async (trx) =>
        orStale(await updateGroup(trx, group, version, body)),
      );
      return shown(result);
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/groups/{id}',
    tag,
    operationId: 'deleteGroup',
    summary: 'Remove a group',
    description: 'Its members stay, without the roles that they had through it.',
    access: 'admin',
    params,
    action: 'group.delete',
    target: (request) => request.params.id,
    versioned: true,
    answer: { status: 204, description: 'The group is gone.' },
    async handle(request) {
      const { context, ifMatch } = request;
      const group = await requireGroup(context.db, request);
      const version = matchVersion(ifMatch, group);
      await guardOwnership(request, async (trx) => {
        // The empty update takes the version, so that a change made meanwhile is not removed unseen.
        orStale(await updateGroup(trx, group, version, {}));
        await deleteGroup(trx, group);
      });
      await context.changed({ kind: 'assignments' });
      return {};
    },
  }),
];

const AddedMemberSchema = z.object({ endedCredentials: endedField }).meta({ id: 'AddedGroupMember' });

const memberRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/groups/{id}/members',
    tag,
    operationId: 'listGroupMembers',
    summary: 'List the members of a group',
    access: 'admin',
    params,
    query: z.strictObject(pageQuery),
    answer: { status: 200, description: 'Users in order of their creation.', schema: pageSchema(UserSchema) },
    async handle(request) {
      const { context, caller, query } = request;
      const { id } = await requireGroup(context.db, request);
      const range = { tenantId: caller.tenantId, groupId: id, limit: query.limit, after: query.cursor };
      return { body: toPageBody(await listGroupMembers(context.db, range), userView) };
    },
  }),
  defineRoute({
    method: 'PUT',
    path: '/groups/{id}/members/{userId}',
    tag,
    operationId: 'addGroupMember',
    summary: 'Add a user to a group',
    description: 'No error when they are in it already.',
    access: 'admin',
    params: memberParams,
    action: 'group.add_member',
    target: (request) => `${request.params.id}/${request.params.userId}`,
    answer: { status: 200, description: 'The user is in the group and has its roles.', schema: AddedMemberSchema },
    async handle(request) {
      const { context } = request;
      const member = memberOf(request);
      const { ended } = await guardOwnership(request, (trx) => addGroupMember(trx, member));
      await context.changed({ kind: 'principal-changed', principalKind: 'user', id: member.userId, disabled: false });
      return { body: { endedCredentials: endedView(ended) } };
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/groups/{id}/members/{userId}',
    tag,
    operationId: 'removeGroupMember',
    summary: 'Take a user out of a group',
    access: 'admin',
    params: memberParams,
    action: 'group.remove_member',
    target: (request) => `${request.params.id}/${request.params.userId}`,
    answer: { status: 204, description: 'The user is not in the group.' },
    async handle(request) {
      const { context } = request;
      const member = memberOf(request);
      const { result: removed } = await guardOwnership(request, (trx) => removeGroupMember(trx, member));
      if (!removed) throw new AppError('not_found', 'There is no such group, or the user is not in it.');
      await context.changed({ kind: 'principal-changed', principalKind: 'user', id: member.userId, disabled: false });
      return {};
    },
  }),
];

/** Sets of users that roles can be assigned to. */
export const groupRoutes: readonly Route[] = [...crudRoutes, ...memberRoutes];
