import * as z from 'zod';
import type { OauthClient } from '../store/oauth-clients.ts';
import { etagOf } from './etag.ts';
import { etagField, timeField } from './field-schemas.ts';

export const clientSourceField = z
  .enum(['pre_registered', 'added', 'dynamic', 'metadata_document'])
  .describe(
    'Declared in the configuration file, added over the API, registered by itself, or described by a document at its `id`.',
  );
export const clientStatusField = z
  .enum(['active', 'pending', 'revoked'])
  .describe('`pending` waits for an approval; neither it nor `revoked` gets anything.');

export const OauthClientSchema = z
  .object({
    id: z.string().describe('Its `client_id`.'),
    name: z.string().describe('As it calls itself: not verified.'),
    source: clientSourceField,
    status: clientStatusField,
    redirectUris: z.array(z.string()),
    authMethod: z.string().describe('How it proves at the token endpoint who it is.'),
    serviceAccountId: z.string().nullable().describe('Whom it acts for in the client credentials grant.'),
    scopes: z.array(z.string()).describe('All scopes that it may ever get. Empty: any.'),
    address: z.string().describe('Where it was registered from, or first used from.'),
    createdAt: timeField,
    lastUsedAt: timeField.nullable(),
    etag: etagField,
  })
  .meta({ id: 'OAuthClient' });

export function clientView(client: OauthClient): z.input<typeof OauthClientSchema> {
  const { redirect_uris: redirects, token_endpoint_auth_method: method, toolgate_scopes: scopes } = client.metadata;
  const { id, name, source, status, serviceAccountId, address, createdAt, lastUsedAt } = client;
  return {
    ...{ id, name, source, status, serviceAccountId, address, createdAt, lastUsedAt },
    redirectUris: Array.isArray(redirects) ? redirects.map(String) : [],
    scopes: Array.isArray(scopes) ? scopes.map(String) : [],
    authMethod: typeof method === 'string' ? method : 'none',
    etag: etagOf(client),
  };
}
