import type { ServerResponse } from 'node:http';
import type { AppError } from '../errors/app-error.ts';
import { CATALOG } from '../errors/catalog.ts';
import type { RequestId } from '../mcp/message.ts';
import type { JsonObject } from '../model/json.ts';
import type { McpRequest } from './mcp-request.ts';

/** Ends the response with a JSON document. Does nothing when the client has gone or an answer has begun. */
export function sendJson(
  res: ServerResponse,
  status: number,
  json: string,
  headers: Record<string, string> = {},
): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(json),
    ...headers,
  });
  res.end(json);
}

/** The answer to a request that the gateway serves itself. `resultJson` is printed JSON. */
export function sendResult(request: McpRequest, resultJson: string, headers?: Record<string, string>): void {
  sendJson(
    request.res,
    200,
    `{"jsonrpc":"2.0","id":${JSON.stringify(request.message.id)},"result":${resultJson}}`,
    headers,
  );
}

const END = '}}';

/**
 * The answer to a request for a list. `own` are the result's own members and `page` the members that are the same for
 * everybody who sees this page, both printed: the page leaves as the bytes that are kept of it.
 */
export function sendListPage({ res, message }: McpRequest, own: string, page: Buffer): void {
  if (res.headersSent || res.destroyed) return;
  const start = Buffer.from(
    `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":{${own}${own === '' ? '' : ','}`,
  );
  const length = start.length + page.length + END.length;
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': length });
  res.cork();
  res.write(start);
  res.write(page);
  res.end(END);
}

/** `id` is left out where the request could not be read (MCP, "Error Responses"). */
export function errorJson(
  id: RequestId | undefined,
  error: AppError,
  requestId: string,
  override?: { code: number; data: JsonObject },
): string {
  const { rpc } = CATALOG[error.code];
  return JSON.stringify({
    jsonrpc: '2.0',
    ...(id !== undefined && { id }),
    error: {
      code: override?.code ?? rpc,
      message: error.code === 'internal' ? `${error.message}. Request id: ${requestId}` : error.message,
      data: { ...error.data, ...override?.data, code: error.code, requestId },
    },
  });
}

/** The error answer to one request that was read, with the status that its era gives it. */
export function sendError(request: McpRequest, error: AppError, override?: { code: number; data: JsonObject }): void {
  sendJson(
    request.res,
    request.codec.statusOf(error),
    errorJson(request.message.id, error, request.requestId, override),
  );
}
