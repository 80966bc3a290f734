import type { FastifyReply } from 'fastify';
import type { Html } from './html.ts';
import { PAGE_HEADERS } from './page-headers.ts';

/** Answers a request with a page. */
export function sendPage(reply: FastifyReply, page: Html, status = 200): FastifyReply {
  return reply.status(status).headers(PAGE_HEADERS).send(page.toString());
}
