import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import { ADMIN_ROLES, type Caller } from '../model/principal.ts';
import { checkRoles } from '../policy/validate-roles.ts';
import type { Database } from '../store/database.ts';
import { allRoles, deleteRole, findRole, insertRole, type StoredRole, updateRole } from '../store/roles.ts';
import { transact } from '../store/transact.ts';
import type { AdminContext } from './admin-context.ts';
import { inputRefusal, pathText } from './check-input.ts';
import { etagOf, matchVersion, orStale } from './etag.ts';
import { roleNameField } from './field-schemas.ts';
import { fileRolesOf } from './known-roles.ts';
import { pageOfArray, pageQuery, pageSchema, toPageBody } from './pagination.ts';
import { BUILTIN_ROLES, declaredRoleView, RoleSchema, type RoleView, roleFields, storedRoleView } from './role-view.ts';
import { type AdminRequest, defineRoute, type Route } from './routes.ts';

const tag = 'Roles';
const params = z.object({ name: roleNameField });

const shown = (role: StoredRole) => ({ body: storedRoleView(role), etag: etagOf(role) });

/** The policy's own check of one role, whose texts say what to write instead. The schema after it finds nothing more. */
function refuseBadRole(role: unknown): void {
  if (typeof role !== 'object' || role === null || Array.isArray(role)) return;
  const { faults } = checkRoles([role]);
  if (faults.length === 0) return;
  const found = faults.map(({ path, problem, fix }) => ({
    path: pathText(path.slice(1)),
    message: `${problem} ${fix}`.trimEnd(),
  }));
  throw inputRefusal('unprocessable', 'The role', found);
}

/** Throws `conflict` for roles that are not the API's to change. */
export function refuseDeclaredRole(context: AdminContext, caller: Caller, name: string): void {
  if (ADMIN_ROLES.has(name)) throw new AppError('conflict', `The role "${name}" is built in and cannot be changed.`);
  if (fileRolesOf(context, caller).some((role) => role.name === name)) {
    throw new AppError('conflict', `The role "${name}" is declared in the configuration file. Change it there.`);
  }
}

/** Throws unless all roles, as they are now in the transaction, can be used together: nothing else is committed. */
export async function requireUsableRoles(context: AdminContext, caller: Caller, trx: Database): Promise<void> {
  const stored = await allRoles(trx, caller.tenantId);
  const plain = stored.map(({ name, description, allow, deny }) => ({ name, description, allow, deny }));
  context.policy.validateRoles([...fileRolesOf(context, caller), ...plain]);
}

async function requireStored({
  context,
  caller,
  params: { name },
}: AdminRequest<{ name: string }>): Promise<StoredRole> {
  const role = await findRole(context.db, { tenantId: caller.tenantId, name });
  if (role) return role;
  refuseDeclaredRole(context, caller, name);
  throw new AppError('not_found', `There is no role "${name}".`);
}

async function everyRole(context: AdminContext, caller: Caller): Promise<RoleView[]> {
  const stored = await allRoles(context.db, caller.tenantId);
  const views = [
    ...BUILTIN_ROLES.map((role) => declaredRoleView(role, 'builtin')),
    ...fileRolesOf(context, caller).map((role) => declaredRoleView(role, 'file')),
    ...stored.map(storedRoleView),
  ];
  return views.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const readRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/roles',
    tag,
    operationId: 'listRoles',
    summary: 'List roles, also the built-in ones and those of the configuration file',
    access: 'admin',
    query: z.strictObject(pageQuery),
    answer: { status: 200, description: 'In order of their name.', schema: pageSchema(RoleSchema) },
    async handle({ context, caller, query }) {
      const page = pageOfArray(await everyRole(context, caller), query, (role) => role.name);
      return { body: toPageBody(page, (role) => role) };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/roles/{name}',
    tag,
    operationId: 'getRole',
    summary: 'Get a role',
    access: 'admin',
    params,
    answer: {
      status: 200,
      description: 'The role; with an `ETag` when it can be changed.',
      schema: RoleSchema,
      etag: true,
    },
    async handle({ context, caller, params: { name } }) {
      const role = (await everyRole(context, caller)).find((one) => one.name === name);
      if (role === undefined) throw new AppError('not_found', `There is no role "${name}".`);
      return { body: role, ...(role.etag === undefined ? {} : { etag: role.etag }) };
    },
  }),
];

const changeRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    path: '/roles',
    tag,
    operationId: 'createRole',
    summary: 'Create a role',
    access: 'admin',
    body: z.strictObject({ name: roleNameField, ...roleFields }).meta({ id: 'CreateRole' }),
    refuseEarly: refuseBadRole,
    action: 'role.create',
    target: ({ body }) => body.name,
    answer: { status: 201, description: 'The new role, assigned to nobody.', schema: RoleSchema, etag: true },
    async handle({ context, caller, body }) {
      refuseDeclaredRole(context, caller, body.name);
      const created = await transact(context.db, async (trx) => {
        const role = await insertRole(trx, { tenantId: caller.tenantId, ...body, createdAt: Date.now() });
        await requireUsableRoles(context, caller, trx);
        return role;
      });
      await context.changed({ kind: 'roles' });
      return shown(created);
    },
  }),
  defineRoute({
    method: 'PUT',
    path: '/roles/{name}',
    tag,
    operationId: 'replaceRole',
    summary: 'Replace the rules and description of a role',
    access: 'admin',
    params,
    body: z.strictObject(roleFields).meta({ id: 'ReplaceRole' }),
    refuseEarly: (body) => refuseBadRole({ ...(body as object), name: 'any' }),
    action: 'role.update',
    target: (request) => request.params.name,
    versioned: true,
    answer: { status: 200, description: 'The changed role.', schema: RoleSchema, etag: true },
    async handle(request) {
      const { context, caller, ifMatch, body } = request;
      const role = await requireStored(request);
      const version = matchVersion(ifMatch, role);
      const changed = await transact(context.db, async (trx) => {
        const updated = orStale(await updateRole(trx, role, version, body));
        await requireUsableRoles(context, caller, trx);
        return updated;
      });
      await context.changed({ kind: 'roles' });
      return shown(changed);
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/roles/{name}',
    tag,
    operationId: 'deleteRole',
    summary: 'Remove a role',
    description:
      'With its assignments to users, groups and service accounts. An access key that is limited to it stays limited, and may then do nothing.',
    access: 'admin',
    params,
    action: 'role.delete',
    target: (request) => request.params.name,
    versioned: true,
    answer: { status: 204, description: 'The role is gone.' },
    async handle(request) {
      const { context, caller, ifMatch } = request;
      const role = await requireStored(request);
      const version = matchVersion(ifMatch, role);
      await transact(context.db, async (trx) => {
        // The empty update takes the version, so that a change made meanwhile is not removed unseen.
        orStale(await updateRole(trx, role, version, {}));
        await deleteRole(trx, role);
        await requireUsableRoles(context, caller, trx);
      });
      await context.changed({ kind: 'roles' });
      // Who had it must not have it again when a role of this name is created later.
      await context.changed({ kind: 'assignments' });
      return {};
    },
  }),
];

/** What principals may do. */
export const roleRoutes: readonly Route[] = [...readRoutes, ...changeRoutes];
