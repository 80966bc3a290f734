import { defineErrors } from './error-entry.ts';

/** Who is calling, and whether that is enough. */
export const CREDENTIAL_ERRORS = defineErrors({
  credential_missing: {
    http: 401,
    rpc: 4010,
    title: 'No credential was sent',
    remedy: 'Send your access key as `Authorization: Bearer tgp_…` (or in `X-Api-Key` or `X-Toolgate-Key`).',
  },
  credential_ambiguous: {
    http: 400,
    rpc: 4001,
    challenge: 'invalid_request',
    title: 'More than one credential was sent',
    remedy: 'Send exactly one of `Authorization`, `X-Api-Key` and `X-Toolgate-Key`, exactly once.',
  },
  credential_in_url: {
    http: 400,
    rpc: 4002,
    challenge: 'invalid_request',
    title: 'A credential was sent in the URL',
    remedy: 'URLs end up in logs and histories. Revoke this key and send a new one in the `Authorization` header.',
  },
  credential_invalid: {
    http: 401,
    rpc: 4011,
    challenge: 'invalid_token',
    title: 'The credential is not valid',
    remedy:
      'It is unknown, expired, revoked or its owner is disabled. `toolgate key list` shows which; create a new key.',
  },
  token_expired: {
    http: 401,
    rpc: 4012,
    challenge: 'invalid_token',
    title: 'The access token has expired',
    remedy: 'Refresh it; a client that follows the challenge does so by itself. Check the clock if it happens at once.',
  },
  token_audience: {
    http: 401,
    rpc: 4013,
    challenge: 'invalid_token',
    title: 'The access token is for another resource',
    remedy:
      'Ask for a token with `resource` set to the exact URL that you call. An administrator can accept tokens for `/mcp` at `/mcp/{upstream}` with `oauth.wideAudience`, and map the audiences of another issuer in `oauth.tokenIssuers`.',
  },
  token_proof_invalid: {
    http: 401,
    rpc: 4014,
    challenge: 'invalid_dpop_proof',
    title: 'The proof of possession is missing or not valid',
    remedy:
      'The token is bound to a key (RFC 9449): send `Authorization: DPoP …` and a fresh `DPoP` proof for this request.',
  },
  token_nonce_required: {
    http: 401,
    rpc: 4015,
    challenge: 'use_dpop_nonce',
    title: 'The proof of possession needs a nonce of this server',
    remedy: 'Repeat the request with the value of the `DPoP-Nonce` header as `nonce` of the proof (RFC 9449 §9).',
  },
  token_issuer_unavailable: {
    http: 503,
    rpc: 5035,
    title: 'Whoever issued the access token cannot be asked about it right now',
    remedy:
      'Try again in half a minute with the same token. The gateway log says what failed; `toolgate idp test` tries the issuer.',
  },
  address_not_allowed: {
    http: 403,
    rpc: 4031,
    title: 'This key may not be used from this address',
    remedy: 'Call from one of the networks on the key, or ask an administrator to change its CIDR list.',
  },
  admin_required: {
    http: 403,
    rpc: 4032,
    title: 'This needs the owner or admin role',
    remedy: 'Use the key of an owner or an administrator.',
  },
  owner_required: {
    http: 403,
    rpc: 4036,
    title: 'This needs the owner role',
    remedy: 'Use the key of an owner: only owners decide who is an owner, and issue or change the keys of owners.',
  },
  declared_in_file_only: {
    http: 403,
    rpc: 4037,
    title: 'This can only be declared in the configuration file',
    remedy:
      'Add it to `toolgate.yaml` on the machine of the gateway. What the gateway runs as a process is never set over the API.',
  },
  host_not_allowed: {
    http: 403,
    rpc: 4033,
    title: 'The Host header names a host that this gateway does not serve',
    remedy: 'Use the configured `publicUrl`, or add the host to `allowedHosts`.',
  },
  origin_not_allowed: {
    http: 403,
    rpc: 4034,
    title: 'Requests from this web origin are not allowed',
    remedy: 'Add the origin to `allowedOrigins` if a web page of yours is meant to call the gateway.',
  },
  insufficient_scope: {
    http: 403,
    rpc: 4038,
    challenge: 'insufficient_scope',
    title: 'The access token does not cover this',
    remedy: 'Sign in again and allow the scopes that the challenge names; most clients ask by themselves.',
  },
});
