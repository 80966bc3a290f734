import * as z from 'zod';
import type { ConnectionView } from '../upstreams/oauth/connections.ts';
import { timeField } from './field-schemas.ts';

/** One connection, without its tokens. */
export const ConnectionSchema = z
  .object({
    id: z.string().describe('`con_…`'),
    upstream: z.string(),
    owner: z.object({
      kind: z.enum(['shared', 'user', 'service_account']),
      id: z.string().describe('Empty for `shared`.'),
    }),
    state: z
      .enum(['connected', 'needs_reauth', 'needs_scopes', 'failing', 'changed_issuer'])
      .describe(
        '`needs_reauth`, `needs_scopes`: somebody has to connect again. `failing`: the provider does not answer, and is asked again. `changed_issuer`: the upstream names another provider; nothing is sent there.',
      ),
    issuer: z.string().describe('The provider that everything is bound to.'),
    account: z.string().nullable().describe('Who it is there, as the provider says; never used to decide anything.'),
    scopes: z.array(z.string()),
    connectedAt: timeField,
    expiresAt: timeField.nullable().describe('Of the access token; it is replaced before.'),
    refreshExpiresAt: timeField
      .nullable()
      .describe('When somebody has to connect again at the latest; null: not known.'),
    refreshedAt: timeField.nullable(),
    lastError: z.string().nullable(),
    lastErrorAt: timeField.nullable(),
    lastUsedAt: timeField.nullable(),
    lastUsedBy: z.string().nullable().describe('Id of the agent: an access key or an OAuth client.'),
    nextAction: z.string().nullable().describe('What somebody has to do; null: nothing.'),
  })
  .meta({ id: 'Connection' });

export function connectionView(connection: ConnectionView): z.input<typeof ConnectionSchema> {
  const { id, upstream, owner, state, issuer, account, scopes, connectedAt, expiresAt } = connection;
  const { refreshExpiresAt, refreshedAt, lastError, lastErrorAt, lastUsedAt, lastUsedBy, nextAction } = connection;
  return {
    ...{ id, upstream, state, issuer, account, connectedAt, expiresAt, refreshExpiresAt, refreshedAt },
    ...{ lastError, lastErrorAt, lastUsedAt, lastUsedBy, nextAction },
    owner: { kind: owner.kind, id: owner.id },
    scopes: [...scopes],
  };
}
