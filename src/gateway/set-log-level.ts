import { AppError, toAppError } from '../errors/app-error.ts';
import { type GatewayContext, logFailure } from './context.ts';
import type { McpRequest } from './mcp-request.ts';
import { sendResult } from './respond.ts';
import { setLevel } from './session-connection.ts';
import type { Session } from './sessions.ts';
import { ownerOf } from './snapshot.ts';

/** RFC 5424 severities (MCP, "Logging"). */
const LEVELS = new Set(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']);

/** `logging/setLevel`: kept for the session, told to the upstreams it has open and to each it opens later. */
export function setLogLevel(gateway: GatewayContext, request: McpRequest, session: Session): void {
  const level = request.message.params?.level;
  if (typeof level !== 'string' || !LEVELS.has(level)) {
    throw new AppError('invalid_params', `\`level\` must be one of ${[...LEVELS].join(', ')}.`);
  }
  session.logLevel = level;
  // None is waited for: a slow one would keep the others, and the client, waiting.
  for (const opening of session.connections.values()) {
    opening
      .then(async (connection) => {
        const { upstream } = connection;
        setLevel(connection, await gateway.credentialOf(upstream, ownerOf(upstream, request.caller)), level);
      })
      .catch((error) => logFailure(gateway.log, request.requestId, toAppError(error)));
  }
  sendResult(request, '{}');
}
