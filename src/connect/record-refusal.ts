import type { FastifyRequest } from 'fastify';
import type { BrowserSession } from '../identity/browser-sessions.ts';
import type { ConnectContext } from './connect-context.ts';

/** Records that somebody was not let connect something. `upstream` is what the request says: it need not exist. */
export function recordRefusal(
  { audit, now, tenantId, addressOf }: ConnectContext,
  request: FastifyRequest,
  { person, upstream, reason }: { person: BrowserSession; upstream: string; reason: string },
): void {
  audit.record({
    phase: 'event',
    action: 'connection.refused',
    requestId: request.id,
    time: now(),
    tenantId,
    principalKind: 'user',
    principalId: person.userId,
    principalName: person.userName,
    address: addressOf(request.raw),
    target: upstream.slice(0, 64),
    decision: 'deny',
    reason,
  });
}
