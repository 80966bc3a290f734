import { AppError } from '../../errors/app-error.ts';
import type { Span } from '../../mcp/json-structure.ts';
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

/** Why an answer below 300, or an encoded one of any status, holds no MCP message that can be read; undefined when it may. */
export function faultIn(status: number, headers: ResponseHeaders, streamOnly: boolean): string | undefined {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity' && encoding !== '') {
    return `sent an encoded body (${String(encoding).slice(0, 40)}), though it was asked not to`;
  }
  if (status >= 300) return undefined;
  const body = bodyTypeOf(headers['content-type']);
  if (status === 200 && body === undefined) return 'answered a request with a content type that is not MCP';
  const answers = status === 200 && (body === 'sse' || !streamOnly);
  return answers ? undefined : `answered a request HTTP ${status} without an answer`;
}

/**
 * What the caller is told about an HTTP answer that carries no MCP message. Nothing of the upstream's own headers or body
 * is passed on: its `WWW-Authenticate` would send the caller's client to somebody else's authorization server.
 *
 * @param renewed it is the answer to a second attempt, with a new token
 */
export function failureOfStatus(upstream: string, status: number, renewed = false): AppError {
  const data = { upstreamStatus: status };
  if (renewed && (status === 401 || status === 403)) {
    return new AppError(
      'upstream_credential_rejected',
      `"${upstream}" refuses a token that was just renewed, too (HTTP ${status}). The account may have lost its access there; disconnect it and connect it again.`,
      { data },
    );
  }
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

/** The same for a GET: many servers offer no stream, and say so with a status. */
export function failureOfStream(upstream: string, status: number): AppError {
  if (status !== 404 && status !== 405) return failureOfStatus(upstream, status);
  return new AppError('method_not_allowed', `"${upstream}" offers no standing stream of messages.`);
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

/** An error that came without an id, with the one that stands in the request at `idSpan`. */
export function withId(error: JsonObject, request: Buffer, idSpan: Span | undefined): Buffer {
  const id = idSpan === undefined ? null : JSON.parse(request.toString('utf8', ...idSpan));
  return Buffer.from(JSON.stringify({ ...error, id }));
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
