import * as z from 'zod';
import type { Caller } from '../model/principal.ts';
import { checkRoles } from '../policy/validate-roles.ts';
import { nameKey } from '../store/name-key.ts';
import type { AdminContext } from './admin-context.ts';
import { auditedTogether, type Deed } from './audited.ts';
import { inputRefusal, pathText } from './check-input.ts';
import { endedField, endedView } from './end-of-lesser.ts';
import { flagQuery } from './field-schemas.ts';
import { refuseDeclaredUpstream } from './find-upstream.ts';
import { requireRoles } from './known-roles.ts';
import { guardOwnership } from './ownership.ts';
import { planState } from './plan-state.ts';
import { refuseStdio } from './refuse-stdio.ts';
import { requireSignInForAll } from './require-sign-in.ts';
import { refuseDeclaredRole, requireUsableRoles } from './roles.ts';
import { type AdminRequest, defineRoute, type Route } from './routes.ts';
import { documentOf, loadState, type StateDocument, StateDocumentSchema, type StoredState } from './state-document.ts';
import type { PlannedChange } from './state-plan.ts';

const tag = 'State';

const AppliedSchema = z
  .object({
    dryRun: z.boolean(),
    changes: z
      .array(
        z.object({
          kind: z.enum(['role', 'user', 'service_account', 'group', 'upstream', 'role_assignment']),
          name: z.string(),
          action: z.enum(['create', 'update', 'remove']),
          details: z.looseObject({}).describe('Of an update each member that differs, as `{ from, to }`.'),
        }),
      )
      .describe('In the order in which they are made.'),
    summary: z.object({ create: z.int(), update: z.int(), remove: z.int() }),
    endedCredentials: endedField,
  })
  .meta({ id: 'AppliedState' });

/** What the schema would only call an unknown member or a wrong pattern. */
function refuseEarly(body: unknown): void {
  if (typeof body !== 'object' || body === null) return;
  const { roles, upstreams } = body as { roles?: unknown; upstreams?: unknown };
  if (Array.isArray(upstreams)) for (const upstream of upstreams) refuseStdio(upstream);
  if (!Array.isArray(roles)) return;
  const { faults } = checkRoles(roles);
  if (faults.length === 0) return;
  const found = faults.map(({ path, problem, fix }) => ({
    path: pathText(['roles', ...path]),
    message: `${problem} ${fix}`.trimEnd(),
  }));
  throw inputRefusal('unprocessable', 'The document', found);
}

const KEYS = ['roles', 'users', 'serviceAccounts', 'groups', 'upstreams'] as const;

/** A name that stands twice would make the result depend on the order. */
function refuseTwins(document: StateDocument): void {
  const faults = KEYS.flatMap((key) => {
    const seen = new Set<string>();
    return (document[key] ?? []).flatMap(({ name }, index) => {
      const known = nameKey(name);
      if (!seen.has(known)) {
        seen.add(known);
        return [];
      }
      return [{ path: pathText([key, index, 'name']), message: 'This name stands twice.' }];
    });
  });
  if (faults.length > 0) throw inputRefusal('unprocessable', 'The document', faults);
}

/** Throws for what is declared in the configuration file, and for assignments of roles that nothing defines. */
async function refuseUnusable(context: AdminContext, caller: Caller, document: StateDocument): Promise<void> {
  for (const { name } of document.roles ?? []) refuseDeclaredRole(context, caller, name);
  for (const { name } of document.upstreams ?? []) refuseDeclaredUpstream(context, caller, name);
  requireSignInForAll(context, document.upstreams ?? []);
  const declared = new Set((document.roles ?? []).map((role) => role.name));
  const assigned = new Set((document.roleAssignments ?? []).map((assignment) => assignment.role));
  await requireRoles(
    context,
    caller,
    [...assigned].filter((role) => !declared.has(role)),
  );
}

/** All or nothing: one transaction, between the intents of all changes and their outcomes. */
async function carryOut(request: AdminRequest, stored: StoredState, plan: readonly PlannedChange[]) {
  const { context, caller } = request;
  const deeds = plan.map(({ kind, name, action, details }, index): Deed => {
    const verb = action === 'remove' ? 'delete' : action;
    return { action: `${kind}.${verb}`, target: name, details, part: index + 1 };
  });
  const { ended } = await auditedTogether(request, deeds, () =>
    guardOwnership(request, async (trx) => {
      for (const change of plan) await change.run(trx);
      await requireUsableRoles(context, caller, trx);
    }),
  );
  await announce(context, stored, plan);
  return ended;
}

async function announce(context: AdminContext, stored: StoredState, plan: readonly PlannedChange[]): Promise<void> {
  const touched = new Set(plan.map((change) => change.kind));
  // Removed principals and upstreams took their credentials along, past the vault.
  context.vault.forget();
  if (touched.has('role')) await context.changed({ kind: 'roles' });
  if (touched.has('upstream')) await context.changed({ kind: 'upstreams' });
  await context.changed({ kind: 'assignments' });
  for (const { kind, name, action, details } of plan) {
    if (kind !== 'user' && kind !== 'service_account') continue;
    const { status } = details as { status?: { to?: unknown } };
    if (action !== 'remove' && !(action === 'update' && status?.to === 'disabled')) continue;
    const principals = kind === 'user' ? stored.users : stored.serviceAccounts;
    const principal = principals.find((one) => nameKey(one.name) === nameKey(name));
    if (principal === undefined) continue;
    await context.changed({ kind: 'principal-changed', principalKind: kind, id: principal.id, disabled: true });
  }
}

/** Everything that is declared over the API, as one document. */
export const stateRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/state',
    tag,
    operationId: 'exportState',
    summary: 'Export what is declared over the API as one document',
    description:
      'Users, service accounts, groups, roles, assignments and upstreams, by name. No access keys and no credentials.',
    access: 'admin',
    answer: { status: 200, description: 'Applied again, it changes nothing.', schema: StateDocumentSchema },
    async handle({ context, caller }) {
      const document = documentOf(await loadState(context.db, caller));
      return { body: document as unknown as z.input<typeof StateDocumentSchema> };
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/state/apply',
    tag,
    operationId: 'applyState',
    summary: 'Make what is declared be as in a document',
    description:
      'Creates and updates what is listed; removes what is not listed only of kinds with `prune`. All or nothing. Applying a document twice changes nothing the second time. With `dryRun=true` it only says what it would do.',
    access: 'admin',
    query: z.strictObject({ dryRun: flagQuery.default('false') }),
    body: StateDocumentSchema,
    refuseEarly,
    action: 'state.apply',
    target: ({ query: { dryRun } }) => (dryRun === 'true' ? 'dry run' : 'apply'),
    auditBody: (document) => Object.fromEntries(KEYS.map((key) => [key, document[key]?.length ?? 0])),
    answer: { status: 200, description: 'What was changed, or would be.', schema: AppliedSchema },
    async handle(request) {
      const { context, caller, body, query } = request;
      refuseTwins(body);
      await refuseUnusable(context, caller, body);
      const stored = await loadState(context.db, caller);
      const plan = planState(stored, body, caller.tenantId);
      const dryRun = query.dryRun === 'true';
      const ended = dryRun || plan.length === 0 ? [] : await carryOut(request, stored, plan);
      const count = (action: PlannedChange['action']) => plan.filter((change) => change.action === action).length;
      const changes = plan.map(({ kind, name, action, details }) => ({ kind, name, action, details }));
      const summary = { create: count('create'), update: count('update'), remove: count('remove') };
      return { body: { dryRun, changes, summary, endedCredentials: endedView(ended) } };
    },
  }),
];
