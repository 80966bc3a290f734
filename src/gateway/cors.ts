import type { IncomingMessage, ServerResponse } from 'node:http';

/** What a browser-based MCP client sends beyond the headers that need no permission. */
const REQUEST_HEADERS = [
  'accept',
  'authorization',
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'x-api-key',
  'x-toolgate-key',
];
/** What its script must be able to read. */
const RESPONSE_HEADERS = 'Mcp-Session-Id, WWW-Authenticate, Retry-After';
const MCP_PARAM = /^mcp-param-[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/**
 * Lets pages of an allowed origin read the answers (Fetch, "CORS protocol"). The origin has been checked before; requests
 * without one come from no page. Credentials mode stays off: no cookie ever means anything here.
 */
export function allowOrigin({ headers }: IncomingMessage, res: ServerResponse): void {
  if (headers.origin === undefined) return;
  res.setHeader('access-control-allow-origin', headers.origin);
  res.setHeader('access-control-expose-headers', RESPONSE_HEADERS);
  res.setHeader('vary', 'Origin');
}

/** The answer to a preflight request. It carries no credential and tells nothing that is not in the documentation. */
export function answerPreflight({ headers }: IncomingMessage, res: ServerResponse): void {
  const asked = String(headers['access-control-request-headers'] ?? '').toLowerCase();
  const params = asked.split(',').map((name) => name.trim());
  res.writeHead(204, {
    'access-control-allow-methods': 'GET, POST, DELETE',
    'access-control-allow-headers': [...REQUEST_HEADERS, ...params.filter((name) => MCP_PARAM.test(name))].join(', '),
    'access-control-max-age': '600',
  });
  res.end();
}

export const isPreflight = ({ method, headers }: IncomingMessage): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
