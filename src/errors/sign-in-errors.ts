import { defineErrors } from './error-entry.ts';

/** What the authorization server refuses. */
export const SIGN_IN_ERRORS = defineErrors({
  client_credentials_invalid: {
    http: 401,
    rpc: 4016,
    oauth: 'invalid_client',
    title: 'The client is unknown or did not prove who it is',
    remedy:
      'Check the client id, its secret or key, and its authentication method: `toolgate client list` shows what is registered. A client that registered itself may register again.',
  },
  redirect_uri_mismatch: {
    http: 400,
    rpc: 4003,
    oauth: 'invalid_request',
    title: 'The client asked to be sent back to an address that is not registered for it',
    remedy:
      'Register the redirect URI character by character as the client sends it; only the port of a loopback address may differ. `toolgate client list` shows what is registered.',
  },
  client_metadata_unreachable: {
    http: 400,
    rpc: 4004,
    oauth: 'invalid_client',
    title: 'The metadata document of the client cannot be read',
    remedy:
      'The `client_id` is a URL whose document must be public, valid, small and fast, and name itself as `client_id`. The gateway log says what was wrong; `oauth.clients.metadataDocuments` says which domains are accepted. A gateway without a way to the internet needs `oauth.clients.metadataDocuments.enabled: false`: clients then register instead.',
  },
  pkce_failed: {
    http: 400,
    rpc: 4005,
    oauth: 'invalid_grant',
    title: 'The PKCE check failed',
    remedy: 'Every client uses PKCE with `S256`, and sends the verifier of the same sign-in (RFC 7636).',
  },
  grant_invalid: {
    http: 400,
    rpc: 4006,
    oauth: 'invalid_grant',
    title: 'The code or refresh token is not valid any more',
    remedy: 'It was used, has expired, or its grant was revoked. Sign in again.',
  },
  target_invalid: {
    http: 400,
    rpc: 4007,
    oauth: 'invalid_target',
    title: 'There is no such resource',
    remedy:
      'Set `resource` to the URL that the client is configured with: `{publicUrl}/mcp` or `{publicUrl}/mcp/{upstream}`.',
  },
  sign_in_expired: {
    http: 400,
    rpc: 4008,
    title: 'This sign-in cannot be continued',
    remedy:
      'It took too long, was completed already, or was begun in another browser. Go back to the program that you want to connect and sign in again.',
  },
  sign_in_refused: {
    http: 403,
    rpc: 4039,
    title: 'You may not sign in here',
    remedy:
      'Ask an administrator of this gateway for access. The audit log says under the request id why it was refused; `toolgate idp test` shows what the identity provider tells.',
  },
  identity_provider_failed: {
    http: 502,
    rpc: 5023,
    title: 'The identity provider could not be used',
    remedy:
      'Try again in a minute. If it lasts, `toolgate idp test` tells an administrator what is wrong: the issuer, the client id and secret, or the redirect URI that is registered there.',
  },
  setup_link_invalid: {
    http: 404,
    rpc: 4042,
    title: 'This link cannot be used',
    remedy:
      'It was used already, is too old, or a newer one was made. Ask an owner of this gateway for a new one (`toolgate user setup-link NAME`).',
  },
});
