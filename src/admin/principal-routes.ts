import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import { newId } from '../lib/ids.ts';
import type { PrincipalKind } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import type { Page, PageRequest } from '../store/page.ts';
import type { PrincipalStatus } from '../store/tables.ts';
import { AccessKeyPageSchema, keysOfOwner } from './access-key-view.ts';
import { EffectiveRolesSchema, effectiveRolesOf } from './effective-roles.ts';
import { etagOf, matchVersion, orStale } from './etag.ts';
import { idField, statusField } from './field-schemas.ts';
import { guardOwnership } from './ownership.ts';
import { filteredPage, pageQuery, pageSchema, toPageBody } from './pagination.ts';
import { type AdminRequest, defineRoute, type Route } from './routes.ts';

/** What users and service accounts have in common. */
interface StoredPrincipal {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  readonly status: PrincipalStatus;
  readonly version: number;
  readonly createdAt: number;
}

interface PrincipalRef {
  readonly tenantId: string;
  readonly id: string;
}

type PatchOf<Fields> = { readonly [K in keyof Fields]?: Fields[K] | undefined };

/** What is different about them. `Fields`: what can be set and changed. */
export interface PrincipalSpec<T extends StoredPrincipal, Fields extends { name: string }, View extends z.ZodType> {
  readonly kind: PrincipalKind;
  readonly path: '/users' | '/service-accounts';
  readonly tag: string;
  /** For sentences: `user`. */
  readonly noun: string;
  /** For operation ids: `User`. */
  readonly title: string;
  readonly idPrefix: 'usr' | 'sva';
  readonly schema: View;
  readonly createSchema: z.ZodType<Fields>;
  readonly updateSchema: z.ZodType<PatchOf<Fields>>;
  view(item: T): z.input<View>;
  find(db: Database, ref: PrincipalRef): Promise<T | null>;
  findByName(db: Database, ref: { tenantId: string; name: string }): Promise<T | null>;
  list(db: Database, page: PageRequest): Promise<Page<T>>;
  insert(db: Database, item: Fields & PrincipalRef & { createdAt: number }): Promise<T>;
  update(
    db: Database,
    ref: PrincipalRef,
    version: number,
    patch: PatchOf<Fields> | { readonly status: PrincipalStatus },
  ): Promise<T | null>;
  remove(db: Database, ref: PrincipalRef): Promise<boolean>;
}

/** The routes that users and service accounts have alike. */
export function principalRoutes<T extends StoredPrincipal, Fields extends { name: string }, View extends z.ZodType>(
  spec: PrincipalSpec<T, Fields, View>,
): Route[] {
  return [...readRoutes(spec), ...changeRoutes(spec), ...statusRoutes(spec)];
}

type ItemRequest = AdminRequest<{ id: string }>;

const paramsOf = (spec: { idPrefix: string }) => z.object({ id: idField(spec.idPrefix) });

interface Finder<T> {
  readonly noun: string;
  find(db: Database, ref: PrincipalRef): Promise<T | null>;
}

async function requireItem<T>(spec: Finder<T>, db: Database, { caller, params }: ItemRequest): Promise<T> {
  const found = await spec.find(db, { tenantId: caller.tenantId, id: params.id });
  if (!found) throw new AppError('not_found', `There is no such ${spec.noun}.`);
  return found;
}

function readRoutes<T extends StoredPrincipal, Fields extends { name: string }, View extends z.ZodType>(
  spec: PrincipalSpec<T, Fields, View>,
): Route[] {
  const { kind, path, tag, noun, title, schema, view } = spec;
  const params = paramsOf(spec);
  return [
    defineRoute({
      method: 'GET',
      path,
      tag,
      operationId: `list${title}s`,
      summary: `List ${noun}s`,
      access: 'admin',
      query: z.strictObject({
        ...pageQuery,
        name: z.string().max(254).optional().describe(`Only the ${noun} of this name, whatever its case.`),
        status: statusField.optional(),
      }),
      answer: { status: 200, description: 'In order of their creation.', schema: pageSchema(schema) },
      async handle({ context: { db }, caller: { tenantId }, query }) {
        const { name, status, limit, cursor } = query;
        const keep = (item: T) => status === undefined || item.status === status;
        if (name !== undefined) {
          const found = await spec.findByName(db, { tenantId, name });
          return { body: toPageBody({ items: found !== null && keep(found) ? [found] : [], next: null }, view) };
        }
        const page = await (status === undefined
          ? spec.list(db, { tenantId, limit, after: cursor })
          : filteredPage(query, (range) => spec.list(db, { tenantId, ...range }), { keep, keyOf: (item) => item.id }));
        return { body: toPageBody(page, view) };
      },
    }),
    defineRoute({
      method: 'GET',
      path: `${path}/{id}`,
      tag,
      operationId: `get${title}`,
      summary: `Get a ${noun}`,
      access: 'admin',
      params,
      answer: { status: 200, description: `The ${noun}.`, schema, etag: true },
      async handle(request) {
        const found = await requireItem(spec, request.context.db, request);
        return { body: view(found), etag: etagOf(found) };
      },
    }),
    defineRoute({
      method: 'GET',
      path: `${path}/{id}/access-keys`,
      tag,
      operationId: `list${title}AccessKeys`,
      summary: `List the access keys of a ${noun}`,
      access: 'admin',
      params,
      query: z.strictObject(pageQuery),
      answer: { status: 200, description: 'In order of their creation, dead ones too.', schema: AccessKeyPageSchema },
      async handle(request) {
        const { id } = await requireItem(spec, request.context.db, request);
        return { body: await keysOfOwner(request, { kind, id }, request.query) };
      },
    }),
    defineRoute({
      method: 'GET',
      path: `${path}/{id}/effective-roles`,
      tag,
      operationId: `get${title}EffectiveRoles`,
      summary: `Which roles a ${noun} has, and through what`,
      access: 'admin',
      params,
      answer: { status: 200, description: 'By role.', schema: EffectiveRolesSchema },
      async handle(request) {
        const { id } = await requireItem(spec, request.context.db, request);
        return { body: await effectiveRolesOf(request.context.db, request.caller.tenantId, { kind, id }) };
      },
    }),
  ];
}

function changeRoutes<T extends StoredPrincipal, Fields extends { name: string }, View extends z.ZodType>(
  spec: PrincipalSpec<T, Fields, View>,
): Route[] {
  const { kind, path, tag, noun, title, schema, view } = spec;
  const params = paramsOf(spec);
  return [
    defineRoute({
      method: 'POST',
      path,
      tag,
      operationId: `create${title}`,
      summary: `Create a ${noun}`,
      description: `The ${noun} may do nothing yet: assign a role, and create an access key.`,
      access: 'admin',
      body: spec.createSchema,
      action: `${kind}.create`,
      target: ({ body }) => body.name,
      answer: { status: 201, description: `The new ${noun}.`, schema, etag: true },
      async handle({ context: { db }, caller: { tenantId }, body }) {
        const now = Date.now();
        const created = await spec.insert(db, { ...body, tenantId, id: newId(spec.idPrefix, now), createdAt: now });
        return { body: view(created), etag: etagOf(created) };
      },
    }),
    defineRoute({
      method: 'PATCH',
      path: `${path}/{id}`,
      tag,
      operationId: `update${title}`,
      summary: `Change a ${noun}`,
      access: 'admin',
      params,
      body: spec.updateSchema,
      action: `${kind}.update`,
      target: (request) => request.params.id,
      versioned: true,
      answer: { status: 200, description: `The changed ${noun}.`, schema, etag: true },
      async handle(request) {
        const { context, ifMatch, body } = request;
        const found = await requireItem(spec, context.db, request);
        const version = matchVersion(ifMatch, found);
        const { result: changed } = await guardOwnership(request, async (trx) =>
          orStale(await spec.update(trx, found, version, body)),
        );
        await context.changed({ kind: 'principal-changed', principalKind: kind, id: found.id, disabled: false });
        return { body: view(changed), etag: etagOf(changed) };
      },
    }),
    defineRoute({
      method: 'DELETE',
      path: `${path}/{id}`,
      tag,
      operationId: `delete${title}`,
      summary: `Remove a ${noun}`,
      description:
        'With all access keys, role assignments, group memberships and stored credentials. What the audit log says stays.',
      access: 'admin',
      params,
      action: `${kind}.delete`,
      target: (request) => request.params.id,
      versioned: true,
      answer: { status: 204, description: 'Gone, and refused from now on.' },
      async handle(request) {
        const { context, ifMatch } = request;
        const found = await requireItem(spec, context.db, request);
        const version = matchVersion(ifMatch, found);
        await guardOwnership(request, async (trx) => {
          // The empty update takes the version, so that a change made meanwhile is not removed unseen.
          orStale(await spec.update(trx, found, version, {}));
          await spec.remove(trx, found);
        });
        context.vault.forget();
        await context.changed({ kind: 'principal-changed', principalKind: kind, id: found.id, disabled: true });
        return {};
      },
    }),
  ];
}

function statusRoutes<T extends StoredPrincipal, Fields extends { name: string }, View extends z.ZodType>(
  spec: PrincipalSpec<T, Fields, View>,
): Route[] {
  const statusRoute = (verb: 'disable' | 'enable', status: PrincipalStatus, description: string) =>
    defineRoute({
      method: 'POST',
      path: `${spec.path}/{id}/${verb}`,
      tag: spec.tag,
      operationId: `${verb}${spec.title}`,
      summary: `${verb === 'disable' ? 'Disable' : 'Enable'} a ${spec.noun}`,
      description,
      access: 'admin',
      params: paramsOf(spec),
      action: `${spec.kind}.${verb}`,
      target: (request) => request.params.id,
      answer: { status: 200, description: `The ${verb}d ${spec.noun}.`, schema: spec.schema, etag: true },
      async handle(request) {
        const { context } = request;
        const { result: changed } = await guardOwnership(request, async (trx) => {
          const found = await requireItem(spec, trx, request);
          return found.status === status ? found : orStale(await spec.update(trx, found, found.version, { status }));
        });
        const disabled = status === 'disabled';
        await context.changed({ kind: 'principal-changed', principalKind: spec.kind, id: changed.id, disabled });
        return { body: spec.view(changed), etag: etagOf(changed) };
      },
    });
  return [
    statusRoute(
      'disable',
      'disabled',
      'When this returns, every key is refused and every open stream has ended. No `If-Match`: it has to work at once.',
    ),
    statusRoute('enable', 'active', 'Keys work again, except those that were revoked or have expired meanwhile.'),
  ];
}
