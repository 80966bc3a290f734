import * as z from 'zod';
import type { Caller } from '../model/principal.ts';
import { transact } from '../store/transact.ts';
import { allUpstreams, deleteUpstream, type StoredUpstream, updateUpstream } from '../store/upstreams.ts';
import type { AdminContext } from './admin-context.ts';
import { etagOf, matchVersion, orStale } from './etag.ts';
import { fileUpstreamsOf, refuseDeclaredUpstream, requireStoredUpstream, requireUpstream } from './find-upstream.ts';
import { pageOfArray, pageQuery, pageSchema, toPageBody } from './pagination.ts';
import { refuseStdio } from './refuse-stdio.ts';
import { requireSignInFor } from './require-sign-in.ts';
import { defineRoute, type Route } from './routes.ts';
import { healthOf } from './upstream-health.ts';
import { CreateUpstreamSchema, ReplaceUpstreamSchema, UpstreamSchema } from './upstream-schemas.ts';
import { declaredUpstreamView, storedUpstreamView, upstreamOf } from './upstream-view.ts';
import { createUpstream, replaceUpstream } from './write-upstream.ts';

const tag = 'Upstreams';

/** Other names can be of no upstream. */
const params = z.object({ name: z.string().regex(/^[a-z0-9-]{1,32}$/) });

const ChangedUpstreamSchema = UpstreamSchema.extend({
  credentialsRemoved: z
    .int()
    .describe('Stored values that were removed because the upstream moved to another origin: store them again.'),
}).meta({ id: 'ChangedUpstream' });

async function shown(context: AdminContext, caller: Caller, stored: StoredUpstream) {
  const health = await healthOf(context, caller);
  return { body: storedUpstreamView(stored, health(upstreamOf(stored))), etag: etagOf(stored) };
}

const readRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/upstreams',
    tag,
    operationId: 'listUpstreams',
    summary: 'List upstreams and how they are doing, also those of the configuration file',
    access: 'admin',
    query: z.strictObject(pageQuery),
    answer: { status: 200, description: 'In order of their name.', schema: pageSchema(UpstreamSchema) },
    async handle({ context, caller, query }) {
      const health = await healthOf(context, caller);
      const stored = await allUpstreams(context.db, caller.tenantId);
      const views = [
        ...fileUpstreamsOf(context, caller).map((one) => declaredUpstreamView(one, health(one))),
        ...stored.map((one) => storedUpstreamView(one, health(upstreamOf(one)))),
      ].sort((a, b) => (a.name < b.name ? -1 : 1));
      return {
        body: toPageBody(
          pageOfArray(views, query, (upstream) => upstream.name),
          (view) => view,
        ),
      };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/upstreams/{name}',
    tag,
    operationId: 'getUpstream',
    summary: 'Get an upstream and how it is doing',
    access: 'admin',
    params,
    answer: { status: 200, description: 'With an `ETag` when it can be changed.', schema: UpstreamSchema, etag: true },
    async handle({ context, caller, params: { name } }) {
      const declared = fileUpstreamsOf(context, caller).find((upstream) => upstream.name === name);
      if (declared !== undefined) {
        const health = await healthOf(context, caller);
        return { body: declaredUpstreamView(declared, health(declared)) };
      }
      return shown(context, caller, await requireStoredUpstream(context, caller, name));
    },
  }),
];

const changeRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    path: '/upstreams',
    tag,
    operationId: 'createUpstream',
    summary: 'Declare an upstream that is reached over http',
    description: 'Programs (`stdio`) are declared in the configuration file only.',
    access: 'admin',
    body: CreateUpstreamSchema,
    refuseEarly: refuseStdio,
    action: 'upstream.create',
    target: ({ body }) => body.name,
    answer: {
      status: 201,
      description: 'The new upstream. It is being connected.',
      schema: UpstreamSchema,
      etag: true,
    },
    async handle({ context, caller, body }) {
      refuseDeclaredUpstream(context, caller, body.name);
      requireSignInFor(context, body);
      const created = await transact(context.db, (trx) => createUpstream(trx, caller.tenantId, body));
      context.vault.forget();
      await context.changed({ kind: 'upstreams' });
      return shown(context, caller, created);
    },
  }),
  defineRoute({
    method: 'PUT',
    path: '/upstreams/{name}',
    tag,
    operationId: 'replaceUpstream',
    summary: 'Replace the settings of an upstream',
    description: 'Stored credentials are removed when the origin of the URL changes.',
    access: 'admin',
    params,
    body: ReplaceUpstreamSchema,
    refuseEarly: refuseStdio,
    action: 'upstream.update',
    target: (request) => request.params.name,
    versioned: true,
    answer: { status: 200, description: 'The changed upstream.', schema: ChangedUpstreamSchema, etag: true },
    async handle({ context, caller, params: { name }, ifMatch, body }) {
      const stored = await requireStoredUpstream(context, caller, name);
      matchVersion(ifMatch, stored);
      requireSignInFor(context, body);
      const { changed, credentialsRemoved } = await transact(context.db, (trx) => replaceUpstream(trx, stored, body));
      if (credentialsRemoved > 0) context.vault.forget();
      await context.changed({ kind: 'upstreams' });
      const answer = await shown(context, caller, changed);
      return { ...answer, body: { ...answer.body, credentialsRemoved } };
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/upstreams/{name}',
    tag,
    operationId: 'deleteUpstream',
    summary: 'Remove an upstream with all credentials stored for it',
    access: 'admin',
    params,
    action: 'upstream.delete',
    target: (request) => request.params.name,
    versioned: true,
    answer: { status: 204, description: 'The upstream is gone.' },
    async handle({ context, caller, params: { name }, ifMatch }) {
      const stored = await requireStoredUpstream(context, caller, name);
      const version = matchVersion(ifMatch, stored);
      await transact(context.db, async (trx) => {
        // The empty update takes the version, so that a change made meanwhile is not removed unseen.
        orStale(await updateUpstream(trx, stored, version, {}));
        await deleteUpstream(trx, stored);
      });
      context.vault.forget();
      await context.changed({ kind: 'upstreams' });
      return {};
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/upstreams/{name}/test',
    tag,
    operationId: 'testUpstream',
    summary: 'Try an upstream step by step: reach it, agree on a revision, list',
    description: 'Over a connection of its own. What is wrong is in the answer, which is 200 all the same.',
    access: 'admin',
    params,
    action: 'upstream.test',
    target: (request) => request.params.name,
    answer: {
      status: 200,
      description: 'Each stage that was tried.',
      schema: z
        .looseObject({
          upstream: z.string(),
          ok: z.boolean(),
          stages: z.array(
            z.object({
              stage: z.string(),
              ok: z.boolean(),
              detail: z.string(),
              advice: z.string().optional(),
              durationMs: z.number(),
            }),
          ),
        })
        .meta({ id: 'UpstreamTest' }),
    },
    async handle({ context, caller, params: { name } }) {
      const { name: known } = await requireUpstream(context, caller, name);
      const report = await context.upstreams.test(known);
      return { body: { ...report, stages: report.stages.map((stage) => ({ ...stage })) } };
    },
  }),
];

/** The MCP servers behind the gateway. */
export const upstreamRoutes: readonly Route[] = [...readRoutes, ...changeRoutes];
