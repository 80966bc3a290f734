import { CALLBACK_PATH, CLIENT_DOCUMENT_PATH } from './connect-context.ts';

/**
 * What the gateway says of itself to providers that take a URL as `client_id` (draft-ietf-oauth-client-id-metadata-document):
 * a public client, since the document is one for all providers and none of them gave it a secret. PKCE protects its codes.
 * Providers that demand a proof of the client need one that is registered there.
 */
export const clientDocument = (publicUrl: string) => ({
  client_id: publicUrl + CLIENT_DOCUMENT_PATH,
  client_name: `Toolgate (${new URL(publicUrl).host})`,
  client_uri: publicUrl,
  redirect_uris: [publicUrl + CALLBACK_PATH],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
});
