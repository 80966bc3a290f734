/** What one error code means on every wire it can appear on. docs/errors.md is generated from this table. */
export interface ErrorEntry {
  /** HTTP status. */
  http: number;
  /**
   * HTTP status on the MCP endpoint where it differs: 200 for what is the answer to one well-formed JSON-RPC request,
   * so that every client shows its user the message instead of a transport failure.
   */
  mcpHttp?: number;
  /**
   * JSON-RPC code on the MCP endpoint. Standard codes where the MCP specification names one; our own are positive,
   * outside the reserved −32768…−32000 (2026-07-28, basic, "Error Codes").
   */
  rpc: number;
  /** RFC 6750 `error` of the `WWW-Authenticate` challenge, for what a new credential can cure. */
  challenge?: 'invalid_token' | 'invalid_request' | 'insufficient_scope' | 'invalid_dpop_proof' | 'use_dpop_nonce';
  /** `error` of an OAuth endpoint (RFC 6749 §5.2 and its extensions), for what such an endpoint refuses. */
  oauth?: string;
  /** Short and stable; the `title` of the problem document. */
  title: string;
  /** What the person who meets it does about it. */
  remedy: string;
}

const define = <T extends Record<string, ErrorEntry>>(catalog: T): { readonly [K in keyof T]: ErrorEntry } => catalog;

export const CATALOG = define({
  // Who is calling
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
  // The authorization server
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
      'The `client_id` is a URL whose document must be public, valid, small and fast, and name itself as `client_id`. The gateway log says what was wrong; `oauth.clients.metadataDocuments` says which domains are accepted.',
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
  // Signing in
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
    remedy: 'It was used already, is too old, or a newer one was made. Ask an owner of this gateway for a new one.',
  },
  // The message
  bad_request: {
    http: 400,
    rpc: -32600,
    title: 'The request is not valid',
    remedy: 'The detail says which part; change it and send the request again.',
  },
  parse_error: {
    http: 400,
    rpc: -32700,
    title: 'The body is not one valid JSON document',
    remedy: 'Send UTF-8 JSON without duplicate member names.',
  },
  invalid_message: {
    http: 400,
    rpc: -32600,
    title: 'The body is not a valid MCP message',
    remedy: 'Send one JSON-RPC 2.0 request, notification or response; batches are not part of MCP since 2025-06-18.',
  },
  invalid_params: {
    http: 200,
    rpc: -32602,
    title: 'The parameters are not valid',
    remedy: 'Compare them with what the list method returns: the name may be misspelt, or not be offered to you.',
  },
  request_meta_invalid: {
    http: 400,
    rpc: -32602,
    title: 'The request does not carry the `_meta` members that its protocol version requires',
    remedy:
      'Send `io.modelcontextprotocol/protocolVersion` and `io.modelcontextprotocol/clientCapabilities` in `params._meta` (2026-07-28).',
  },
  method_not_found: {
    http: 404,
    rpc: -32601,
    title: 'The method is not known',
    remedy: 'Use a method of the protocol revision that you speak.',
  },
  header_mismatch: {
    http: 400,
    rpc: -32020,
    title: 'A header and the body disagree',
    remedy: 'Make `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` repeat what the body says (2026-07-28).',
  },
  unsupported_protocol_version: {
    http: 400,
    rpc: -32022,
    title: 'Unsupported protocol version',
    remedy: 'Use one of the versions in `error.data.supported`.',
  },
  session_required: {
    http: 400,
    rpc: -32600,
    title: 'This request needs a session',
    remedy:
      'Send `initialize` first, then its `Mcp-Session-Id` with every request (protocol versions up to 2025-11-25).',
  },
  session_not_found: {
    http: 404,
    rpc: 4041,
    title: 'There is no such session',
    remedy: 'Send `initialize` again; the gateway ended the session or never knew it.',
  },
  body_too_large: {
    http: 413,
    rpc: 4131,
    title: 'The body is too large',
    remedy: 'Send less, or ask an administrator to raise `limits.bodyBytes`.',
  },
  unsupported_media_type: {
    http: 415,
    rpc: 4151,
    title: 'The content type or encoding is not supported',
    remedy: 'Send `Content-Type: application/json` without a `Content-Encoding`.',
  },
  not_acceptable: {
    http: 406,
    rpc: 4061,
    title: 'The client does not accept what MCP answers with',
    remedy: 'Send `Accept: application/json, text/event-stream` (for GET: `text/event-stream`).',
  },
  not_found: {
    http: 404,
    rpc: 4040,
    title: 'There is no such resource',
    remedy: 'Check the path and the name.',
  },
  method_not_allowed: {
    http: 405,
    rpc: 4051,
    title: 'This HTTP method is not served here',
    remedy: 'The `Allow` header lists the methods that are.',
  },
  // The decision
  forbidden: {
    http: 200,
    rpc: 4030,
    title: 'The policy denies this call',
    remedy: 'The message names the rule. Ask an administrator for a role that allows it.',
  },
  // The upstream
  upstream_unavailable: {
    http: 502,
    mcpHttp: 200,
    rpc: 5020,
    title: 'The upstream server cannot be reached',
    remedy: 'Try again later. `toolgate upstream test NAME` tells an administrator what is wrong.',
  },
  upstream_timeout: {
    http: 504,
    mcpHttp: 200,
    rpc: 5040,
    title: 'The upstream server did not answer in time',
    remedy: 'Try again, or ask an administrator to raise the `timeoutMs` of the upstream.',
  },
  upstream_invalid: {
    http: 502,
    mcpHttp: 200,
    rpc: 5021,
    title: 'The upstream server sent something that is not valid MCP',
    remedy: 'Ask whoever runs the upstream; the gateway log says what was wrong.',
  },
  upstream_busy: {
    http: 503,
    mcpHttp: 200,
    rpc: 5031,
    title: 'Too many calls are already under way to this upstream',
    remedy: 'Try again in a moment, or ask an administrator to raise the `maxConcurrent` of the upstream.',
  },
  upstream_credential_missing: {
    http: 200,
    rpc: 4035,
    title: 'This upstream has no credential for you yet',
    remedy: 'Ask an administrator to store one: `toolgate upstream credential NAME --user YOU`.',
  },
  upstream_credential_rejected: {
    http: 502,
    rpc: 5022,
    title: 'The upstream server refuses the stored credential',
    remedy: 'It is wrong, expired or revoked there. Store a new one: `toolgate upstream credential NAME`.',
  },
  // The gateway
  conflict: {
    http: 409,
    rpc: 4090,
    title: 'This conflicts with what exists',
    remedy: 'Choose another name, or update what exists.',
  },
  precondition_failed: {
    http: 412,
    rpc: 4120,
    title: 'It was changed in the meantime',
    remedy: 'Read it again, then repeat your change with the new ETag in `If-Match`.',
  },
  precondition_required: {
    http: 428,
    rpc: 4280,
    title: 'An update needs the version it is based on',
    remedy: 'Send the ETag that you read in `If-Match`.',
  },
  unprocessable: {
    http: 422,
    rpc: 4220,
    title: 'The request is well formed but cannot be carried out',
    remedy: 'The detail says which value to change.',
  },
  audit_unavailable: {
    http: 503,
    rpc: 5032,
    title: 'The call could not be recorded, so it was not made',
    remedy: 'The audit log cannot be written (a full or stalled disk). `toolgate doctor` says why.',
  },
  overloaded: {
    http: 503,
    rpc: 5034,
    title: 'The gateway is overloaded',
    remedy:
      'Try again after the time in `Retry-After`. If it lasts, give the gateway more CPU or memory, or add a replica.',
  },
  shutting_down: {
    http: 503,
    rpc: 5033,
    title: 'The gateway is shutting down',
    remedy: 'Try again; another replica or the restarted gateway will answer.',
  },
  internal: {
    http: 500,
    rpc: -32603,
    title: 'Something went wrong inside the gateway',
    remedy: 'Give the request id to an administrator; the cause is in the gateway log under it.',
  },
});

export type ErrorCode = keyof typeof CATALOG;
