import { defineErrors } from './error-entry.ts';

/** The message itself. */
export const MESSAGE_ERRORS = defineErrors({
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
});
