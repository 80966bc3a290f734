import type { FastifyInstance } from 'fastify';
import { AppError } from '../../errors/app-error.ts';
import type { BrowserSession } from '../../identity/browser-sessions.ts';
import { formOf } from '../../identity/form-body.ts';
import type { ConnectionOwner } from '../../upstreams/oauth/connections.ts';
import { SHARED } from '../../vault/vault.ts';
import { ownOf } from '../asked-connection.ts';
import { CONNECTIONS_PATH, type ConnectContext } from '../connect-context.ts';
import { recordRefusal } from '../record-refusal.ts';
import { signedInPerson } from '../signed-in-person.ts';
import { answerFormRefused } from './connect.ts';

/**
 * `POST /connect/{upstream}/disconnect`: their own connection, or for administrators the shared one. One's own can be ended
 * whatever has become of the upstream and of the person's roles.
 */
export function disconnectRoute(fastify: FastifyInstance, context: ConnectContext): void {
  fastify.post<{ Params: { upstream: string } }>('/connect/:upstream/disconnect', async (request, reply) => {
    const { upstream } = request.params;
    const form = formOf(request);
    const person = await signedInPerson(context, request, reply, CONNECTIONS_PATH);
    if (person === null) return reply;
    if (!context.formGuard.accepts(request, form('csrf'))) {
      recordRefusal(context, request, { person, upstream, reason: 'form_refused' });
      return answerFormRefused(request, reply);
    }
    const owner = await ownerToEnd(context, person, form('as'));
    if (owner === null) {
      recordRefusal(context, request, { person, upstream, reason: 'admin_required' });
      throw new AppError(
        'admin_required',
        'Only an owner or administrator disconnects the account that everybody shares.',
      );
    }
    const by = { kind: 'user', id: person.userId, name: person.userName } as const;
    // Nothing to end is what was wanted, too: the button was pressed twice.
    await context.connections.disconnect(upstream, owner, by);
    return reply.redirect(CONNECTIONS_PATH, 303);
  });
}

async function ownerToEnd(
  { isAdmin }: Pick<ConnectContext, 'isAdmin'>,
  person: BrowserSession,
  as: string,
): Promise<ConnectionOwner | null> {
  if (as === '') return ownOf(person);
  return as === 'shared' && (await isAdmin(person.userId)) ? SHARED : null;
}
