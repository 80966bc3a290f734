import { defineErrors } from './error-entry.ts';

/** The decision, the upstream, and the gateway itself. */
export const GATEWAY_ERRORS = defineErrors({
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
  connection_required: {
    http: 200,
    rpc: 4044,
    title: 'You have to connect this account first',
    remedy: 'Open the link of the message in a browser, sign in and agree; then repeat the call.',
  },
  connection_stopped: {
    http: 502,
    mcpHttp: 200,
    rpc: 5026,
    title: 'The connection to this upstream was stopped for safety',
    remedy:
      'It names another authorization server than before, so no credential is sent there. Ask an administrator to look at it and connect again: `toolgate connection show NAME`.',
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
