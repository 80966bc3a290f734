import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import { listGroupsOfUser } from '../store/group-members.ts';
import { deleteUser, findUser, findUserByName, insertUser, listUsers, updateUser } from '../store/users.ts';
import { displayNameField, loginField, userIdField } from './field-schemas.ts';
import { GroupSchema, groupView } from './group-view.ts';
import { pageQuery, pageSchema, toPageBody } from './pagination.ts';
import { principalRoutes } from './principal-routes.ts';
import { defineRoute, type Route } from './routes.ts';
import { UserSchema, userView } from './user-view.ts';

const tag = 'Users';

/** People. */
export const userRoutes: readonly Route[] = [
  ...principalRoutes({
    kind: 'user',
    path: '/users',
    tag,
    noun: 'user',
    title: 'User',
    idPrefix: 'usr',
    schema: UserSchema,
    createSchema: z
      .strictObject({ name: loginField, displayName: displayNameField.default('') })
      .meta({ id: 'CreateUser' }),
    updateSchema: z
      .strictObject({ name: loginField.optional(), displayName: displayNameField.optional() })
      .meta({ id: 'UpdateUser' }),
    view: userView,
    find: findUser,
    findByName: findUserByName,
    list: listUsers,
    insert: insertUser,
    update: updateUser,
    remove: deleteUser,
  }),
  defineRoute({
    method: 'GET',
    path: '/users/{id}/groups',
    tag,
    operationId: 'listUserGroups',
    summary: 'List the groups that a user is in',
    access: 'admin',
    params: z.object({ id: userIdField }),
    query: z.strictObject(pageQuery),
    answer: { status: 200, description: 'In order of their creation.', schema: pageSchema(GroupSchema) },
    async handle({ context: { db }, caller: { tenantId }, params: { id }, query }) {
      if (!(await findUser(db, { tenantId, id }))) throw new AppError('not_found', 'There is no such user.');
      const page = await listGroupsOfUser(db, { tenantId, userId: id, limit: query.limit, after: query.cursor });
      return { body: toPageBody(page, groupView) };
    },
  }),
];
