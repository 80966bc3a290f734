import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { PrimitiveKind } from '../model/catalogue.ts';
import type { Target } from '../model/decision.ts';
import type { Caller, PrincipalKind } from '../model/principal.ts';
import { isPersonal, type Upstream } from '../model/upstream.ts';
import { RoleRuleSchema } from '../policy/validate-roles.ts';
import { findAccessKey, type StoredAccessKey } from '../store/access-keys.ts';
import { rolesOfPrincipal } from '../store/role-assignments.ts';
import { findServiceAccount, findServiceAccountByName } from '../store/service-accounts.ts';
import { findUser, findUserByName } from '../store/users.ts';
import { keyStatusOf } from './access-key-view.ts';
import { accessKeyIdField, principalKindField } from './field-schemas.ts';
import { requireUpstream } from './find-upstream.ts';
import { rulesView } from './role-view.ts';
import { type AdminRequest, defineRoute, type Route } from './routes.ts';
import { statusOf } from './upstream-health.ts';

const uniqueTarget = (body: { tool?: unknown; prompt?: unknown; resource?: unknown }) =>
  [body.tool, body.prompt, body.resource].filter((one) => one !== undefined).length === 1;

const nameField = z.string().min(1).max(8192).optional();

const ExplainSchema = z
  .strictObject({
    principal: z
      .strictObject({
        kind: principalKindField,
        id: z.string().max(64).optional(),
        name: z.string().max(254).optional(),
      })
      .refine(({ id, name }) => (id === undefined) !== (name === undefined), 'Give `id` or `name`.'),
    key: accessKeyIdField.optional().describe('The access key that the call would be made with, by id.'),
    upstream: z.string().max(64),
    tool: nameField.describe('As the upstream knows it, without prefix.'),
    prompt: nameField,
    resource: nameField.describe('URI.'),
  })
  .refine(uniqueTarget, { message: 'Give exactly one of `tool`, `prompt` and `resource`.', path: ['tool'] })
  .meta({ id: 'ExplainPolicy' });

const ExplanationSchema = z
  .object({
    allowed: z.boolean().describe('Whether the call would go out: everything below together.'),
    reason: z.string(),
    checks: z
      .array(
        z.object({
          check: z.enum(['principal', 'key', 'upstream', 'catalogue', 'roles', 'key roles', 'key tools']),
          passed: z.boolean(),
          reason: z.string(),
        }),
      )
      .describe('What was looked at, in this order. All must pass.'),
    rules: z
      .array(z.object({ id: z.string(), effect: z.enum(['permit', 'forbid']), reason: z.string(), cedar: z.string() }))
      .describe('The rules that determined the decision.'),
    roles: z.array(z.string()).describe('Of the principal.'),
    unknownRoles: z.array(z.string()).describe('Assigned, but defined nowhere: they allow nothing.'),
    rolesThatWouldAllow: z
      .array(
        z.object({
          role: z.string(),
          everything: z.boolean().describe('It allows whatever upstreams offer, not only this.'),
        }),
      )
      .describe('For a deny: each of these, assigned as well, would change it. The one that allows least comes first.'),
    newRole: z
      .object({ name: z.string(), allow: z.array(RoleRuleSchema) })
      .nullable()
      .describe('A role to create that would allow this and nothing else; null where none can help.'),
  })
  .meta({ id: 'Explanation' });

type Question = z.output<typeof ExplainSchema>;
type Check = z.input<typeof ExplanationSchema>['checks'][number];
type Asked = Pick<AdminRequest<unknown, unknown, Question>, 'context' | 'caller' | 'body'>;

interface FoundPrincipal {
  readonly id: string;
  readonly name: string;
  readonly status: string;
}

async function findPrincipal({ context: { db }, caller: { tenantId }, body }: Asked): Promise<FoundPrincipal> {
  const { kind, id, name } = body.principal;
  const [byId, byName] = kind === 'user' ? [findUser, findUserByName] : [findServiceAccount, findServiceAccountByName];
  const found = await (id === undefined ? byName(db, { tenantId, name: name ?? '' }) : byId(db, { tenantId, id }));
  if (!found) throw new AppError('not_found', `There is no such ${kind.replace('_', ' ')}.`);
  return found;
}

/** Throws `not_found` also for a key of somebody else: it cannot be used for this principal. */
async function findKey(
  { context: { db }, caller: { tenantId }, body }: Asked,
  owner: string,
): Promise<StoredAccessKey | null> {
  if (body.key === undefined) return null;
  const key = await findAccessKey(db, { tenantId, id: body.key });
  if (!key || key.owner.id !== owner) throw new AppError('not_found', 'This principal has no such key.');
  return key;
}

function askedTarget({ tool, prompt, resource }: Question): { kind: PrimitiveKind; name: string } {
  if (tool !== undefined) return { kind: 'tool', name: tool };
  return prompt === undefined ? { kind: 'resource', name: resource ?? '' } : { kind: 'prompt', name: prompt };
}

const LISTS = { tool: 'tools', prompt: 'prompts', resource: 'resources' } as const;

/** The target with the annotations that the upstream claims, and whether it offers it at all, as far as is known. */
function describeTarget(
  { context, body }: Asked,
  upstream: Upstream,
  principal: { kind: PrincipalKind; id: string },
): { target: Target; check: Check } {
  const { kind, name } = askedTarget(body);
  const owner = isPersonal(upstream.auth) ? principal : undefined;
  const catalogue = context.upstreams.catalogue(upstream.name, owner);
  const entry = catalogue?.[LISTS[kind]].find((one) => one.name === name);
  const { readOnly, destructive } = entry ?? { readOnly: false, destructive: false };
  const target: Target = { upstream: upstream.name, kind, name, readOnly, destructive };
  if (catalogue === undefined) {
    const reason = 'what the upstream offers is not known now, so this was decided without its annotations';
    return { target, check: { check: 'catalogue', passed: true, reason } };
  }
  // A URI may come from a template, which only the upstream can tell.
  const passed = entry !== undefined || (kind === 'resource' && catalogue.resourceTemplates.length > 0);
  const annotations = kind === 'tool' ? ` (readOnly: ${readOnly}, destructive: ${destructive})` : '';
  const reason = entry === undefined ? `the upstream lists no such ${kind}` : `the upstream offers it${annotations}`;
  return { target, check: { check: 'catalogue', passed, reason } };
}

/** What there is to call, the asked upstream first. */
function offeredTo({ context, caller, body }: Asked, principal: { kind: PrincipalKind; id: string }): Target[] {
  const names = [...statusOf(context, caller).keys()].filter((name) => name !== body.upstream);
  const found: Target[] = [];
  for (const upstream of [body.upstream, ...names]) {
    const catalogue = context.upstreams.catalogue(upstream, principal);
    if (catalogue === undefined) continue;
    for (const kind of ['tool', 'prompt', 'resource'] as const) {
      for (const { name, readOnly, destructive } of catalogue[LISTS[kind]])
        found.push({ upstream, kind, name, readOnly, destructive });
    }
  }
  return found;
}

function standingChecks(principal: FoundPrincipal, key: StoredAccessKey | null, upstream: Upstream): Check[] {
  const active = principal.status === 'active';
  const checks: Check[] = [{ check: 'principal', passed: active, reason: `${principal.name} is ${principal.status}` }];
  if (key !== null) {
    const status = keyStatusOf(key, Date.now());
    checks.push({ check: 'key', passed: status === 'active', reason: `the key ${key.name} is ${status}` });
  }
  const reason = `the upstream ${upstream.name} is ${upstream.enabled ? 'enabled' : 'disabled'}`;
  checks.push({ check: 'upstream', passed: upstream.enabled, reason });
  return checks;
}

async function explainCall(request: Asked): Promise<z.input<typeof ExplanationSchema>> {
  const { context, caller, body } = request;
  const { tenantId } = caller;
  const { kind } = body.principal;
  const principal = await findPrincipal(request);
  const key = await findKey(request, principal.id);
  const upstream = await requireUpstream(context, caller, body.upstream);
  const roles = await rolesOfPrincipal(context.db, { tenantId, kind, id: principal.id });
  const subject: Caller = {
    tenantId,
    principal: { kind, id: principal.id, name: principal.name },
    agent: { kind: 'access_key', id: key?.id ?? '', name: key?.name ?? '' },
    roles,
    ...(key !== null && { restriction: { roles: key.roles, tools: key.tools } }),
  };
  const { target, check } = describeTarget(request, upstream, subject.principal);
  const explanation = context.policy.explain(subject, target, offeredTo(request, subject.principal));
  const { newRole } = explanation;
  const checks = [...standingChecks(principal, key, upstream), check, ...explanation.checks.map((one) => ({ ...one }))];
  const failed = checks.find((one) => !one.passed);
  return {
    allowed: failed === undefined && explanation.decision.allowed,
    reason: failed?.reason ?? explanation.decision.reason,
    checks,
    rules: explanation.rules.map((rule) => ({ ...rule })),
    roles: [...roles],
    unknownRoles: [...explanation.unknownRoles],
    rolesThatWouldAllow: [...explanation.rolesThatWouldAllow],
    newRole: newRole && { name: newRole.name, allow: rulesView(newRole.allow) },
  };
}

/** Why a call is allowed or denied. */
export const policyRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    path: '/policy/explain',
    tag: 'Policy',
    operationId: 'explainPolicy',
    summary: 'May X call Y, and why',
    description: 'Changes nothing and calls nothing.',
    access: 'admin',
    body: ExplainSchema,
    answer: { status: 200, description: 'The decision and everything that led to it.', schema: ExplanationSchema },
    handle: async (request) => ({ body: await explainCall(request) }),
  }),
];
