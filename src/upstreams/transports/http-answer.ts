import { AppError } from '../../errors/app-error.ts';
import { isObject } from '../../mcp/message.ts';
import type { JsonObject } from '../../model/json.ts';

export type ResponseHeaders = Record<string, string | string[] | undefined>;

/** `undefined` for every other type, and for a header that is missing or there twice. */
export function bodyTypeOf(contentType: string | string[] | undefined): 'json' | 'sse' | undefined {
  if (contentType === 'application/json') return 'json';
  if (contentType === 'text/event-stream') return 'sse';
  if (typeof contentType !== 'string') return undefined;
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  return type === 'application/json' ? 'json' : type === 'text/event-stream' ? 'sse' : undefined;
}

/** Whether the body would have to be decoded before it could be read. */
export function isEncoded(contentEncoding: string | string[] | undefined): boolean {
  return contentEncoding !== undefined && contentEncoding !== 'identity' && contentEncoding !== '';
}

/**
 * What the caller is told about an HTTP answer that carries no MCP message. Nothing of the upstream's own headers or body
 * is passed on: its `WWW-Authenticate` would send the caller's client to somebody else's authorization server.
 */
export function failureOfStatus(upstream: string, status: number): AppError {
  const data = { upstreamStatus: status };
  if (status === 401 || status === 403 || status === 407) {
    return new AppError(
      'upstream_credential_rejected',
      `"${upstream}" refused the credential that the gateway sent (HTTP ${status}). Ask an administrator to renew it.`,
      { data },
    );
  }
  if (status === 429) {
    return new AppError('upstream_busy', `"${upstream}" asks for fewer calls (HTTP 429). Try again later.`, { data });
  }
  if (status >= 300 && status < 400) {
    return new AppError(
      'upstream_invalid',
      `"${upstream}" answered with a redirect (HTTP ${status}), which is never followed. Configure its final URL.`,
      { data },
    );
  }
  if (status >= 500) {
    return new AppError('upstream_unavailable', `"${upstream}" answered HTTP ${status}.`, { data });
  }
  return new AppError('upstream_invalid', `"${upstream}" answered HTTP ${status} without an MCP message.`, { data });
}

/** What the caller is told when the connection failed; undici's own error is the cause, for the log. */
export function failureOfError(upstream: string, error: Error, started: boolean): AppError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'UND_ERR_INVALID_ARG') {
    return new AppError('bad_request', 'A header of the request cannot be sent to the upstream server.', {
      cause: error,
    });
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code.startsWith('HPE_')) {
    return new AppError('upstream_invalid', `"${upstream}" sent an answer that is not valid HTTP.`, { cause: error });
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return new AppError('upstream_timeout', `"${upstream}" did not answer in time.`, { cause: error });
  }
  const detail = started ? 'broke the connection before its answer was complete' : 'cannot be reached';
  return new AppError('upstream_unavailable', `"${upstream}" ${detail}.`, { cause: error });
}

/** The JSON-RPC error message in an HTTP error body, or undefined when it is something else. */
export function rpcErrorOf(body: Buffer): (JsonObject & { error: JsonObject }) | undefined {
  let document: unknown;
  try {
    document = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isObject(document) || document.jsonrpc !== '2.0' || !isObject(document.error)) return undefined;
  const { code, message } = document.error;
  if (!Number.isInteger(code) || typeof message !== 'string') return undefined;
  return document as JsonObject & { error: JsonObject };
}

/**
 * 404 is what the specification says (2025-11-25, "Session Management"). Many servers built on the TypeScript SDK's
 * examples answer 400 "No valid session ID provided" instead, for example after a restart.
 */
export function isSessionLoss(
  status: number,
  error: { error: { code?: unknown; message?: unknown } } | undefined,
): boolean {
  if (status === 404) return error?.error.code !== -32601;
  return status === 400 && /session/i.test(String(error?.error.message ?? ''));
}
