import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorPage } from '../../http/pages/error-page.ts';
import { sendPage } from '../../http/pages/send-page.ts';

/** Why a person cannot go on. */
export interface Refusal {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly whatToDo: string;
  /** 400 unless given. */
  readonly status?: number | undefined;
}

export function sendRefusal(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
  const { status = 400, ...view } = refusal;
  return sendPage(reply, errorPage({ ...view, requestId: request.id }), status);
}
