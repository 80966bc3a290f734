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

/** A form that did not come from a page of ours: forged, or left open for too long. */
export function refuseForm(request: FastifyRequest, reply: FastifyReply, whatToDo: string): FastifyReply {
  return sendRefusal(request, reply, {
    code: 'form_refused',
    title: 'This page was open for too long',
    detail: 'The form did not come from a page of this gateway in this browser, or cookies are blocked.',
    whatToDo,
    status: 403,
  });
}
