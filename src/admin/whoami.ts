import * as z from 'zod';
import { adminLevel } from './authorize.ts';
import { principalKindField } from './field-schemas.ts';
import { defineRoute, type Route } from './routes.ts';

const WhoamiSchema = z
  .object({
    tenantId: z.string(),
    principal: z.object({ kind: principalKindField, id: z.string(), name: z.string() }),
    agent: z.object({ kind: z.string(), id: z.string(), name: z.string() }).describe('The access key that was used.'),
    roles: z.array(z.string()).describe('Of the principal, direct and through groups.'),
    restriction: z
      .object({ roles: z.array(z.string()), tools: z.array(z.string()) })
      .nullable()
      .describe('What the key takes away; null when it adds no limit.'),
    administers: z.enum(['none', 'admin', 'owner']).describe('What this key may do in this API.'),
    address: z.string().describe('Where the request came from, as the gateway sees it.'),
    version: z.string().describe('Of the gateway.'),
  })
  .meta({ id: 'Whoami' });

/** Who the caller is: for checking a key. */
export const whoamiRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/whoami',
    tag: 'Whoami',
    operationId: 'whoami',
    summary: 'Who am I, and what may this key do',
    access: 'anybody',
    answer: { status: 200, description: 'What the gateway knows about the credential.', schema: WhoamiSchema },
    async handle({ context, caller, address }) {
      const { tenantId, principal, agent, roles, restriction } = caller;
      return {
        body: {
          tenantId,
          principal: { kind: principal.kind, id: principal.id, name: principal.name },
          agent: { kind: agent.kind, id: agent.id, name: agent.name },
          roles: [...roles],
          restriction:
            restriction === undefined ? null : { roles: [...restriction.roles], tools: [...restriction.tools] },
          administers: adminLevel(caller),
          address,
          version: context.version,
        },
      };
    },
  }),
];
