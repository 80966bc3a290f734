import type { FastifyInstance } from 'fastify';
import { sendPage } from '../../http/pages/send-page.ts';
import { signInHref } from '../../identity/sign-in-href.ts';
import { CONNECTIONS_PATH, type ConnectContext, connectPath } from '../connect-context.ts';
import { myConnectionsPage } from '../pages/my-connections-page.ts';
import { ownServices, sharedServices, waitingFor } from '../service-view.ts';
import { signedInPerson } from '../signed-in-person.ts';

/** `GET /connect`: what somebody connected, and can connect. */
export function myConnectionsRoute(fastify: FastifyInstance, context: ConnectContext): void {
  fastify.get(CONNECTIONS_PATH, async (request, reply) => {
    const person = await signedInPerson(context, request, reply, CONNECTIONS_PATH);
    if (person === null) return reply;
    const [first, second] = await waitingFor(context, person);
    const isAdmin = await context.isAdmin(person.userId);
    return sendPage(
      reply,
      myConnectionsPage({
        csrf: context.formGuard.token(request, reply),
        mine: await ownServices(context, person),
        shared: isAdmin ? await sharedServices(context) : null,
        connectAllHref: first === undefined || second === undefined ? null : `${connectPath(first)}?next=all`,
        user: { name: person.userName },
        switchAccountHref: signInHref({ returnTo: CONNECTIONS_PATH, again: true }),
        now: context.now(),
      }),
    );
  });
}
