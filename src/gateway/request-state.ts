import { createHmac, timingSafeEqual } from 'node:crypto';
import { AppError } from '../errors/app-error.ts';
import type { Secret } from '../lib/secret.ts';
import { type MessageSpans, scanStructure } from '../mcp/json-structure.ts';
import { splice } from '../mcp/splice.ts';
import type { McpRequest } from './mcp-request.ts';

/** A question to the user may be answered this long after it was asked. */
const TTL_MS = 60 * 60_000;
const SEALED = /^tg1\.([0-9a-z]{1,11})\.([\w-]{43})\.(.*)$/s;
const MAX_DEPTH = 256;

export type RequestStates = ReturnType<typeof createRequestStates>;

/**
 * `requestState` is a handle of the upstream that the client carries from one round trip to the next (2026-07-28, "Multi
 * Round-Trip Requests"). Whoever has it could continue the exchange, and an upstream with a shared credential cannot tell
 * people apart. So the gateway seals it for one principal, method and target, and takes only its own seal back.
 */
export function createRequestStates(key: Secret) {
  const mac = (request: McpRequest, issued: string, state: string): string =>
    createHmac('sha256', key.reveal())
      .update(JSON.stringify([request.caller.tenantId, request.caller.principal.id, subjectOf(request), issued, state]))
      .digest('base64url');

  const open = (request: McpRequest, sealed: unknown): string => {
    const match = typeof sealed === 'string' ? SEALED.exec(sealed) : null;
    const [, issued, given, state] = match ?? [];
    const fresh = issued !== undefined && Date.now() - Number.parseInt(issued, 36) <= TTL_MS;
    if (!fresh || !timingSafeEqual(Buffer.from(given!), Buffer.from(mac(request, issued, state!)))) {
      throw new AppError(
        'invalid_params',
        'This requestState was not issued to you for this request, or it is too old.',
      );
    }
    return state!;
  };

  return {
    /** The request with the upstream's own state in it. Throws `invalid_params` for a state of somebody else. */
    opened(request: McpRequest): { body: Buffer; spans: MessageSpans } {
      const { body, spans, message } = request;
      if (spans.requestState === undefined) return request;
      const state = open(request, message.params?.requestState);
      const opened = splice(body, [{ span: spans.requestState, text: JSON.stringify(state) }]);
      return { body: opened, spans: scanStructure(opened, MAX_DEPTH).spans };
    },
    /** An answer of the upstream with the state in it sealed; every other byte stays. */
    sealed(request: McpRequest, answer: Buffer): Buffer {
      if (!answer.includes('"requestState"')) return answer;
      const span = scanStructure(answer, MAX_DEPTH).spans.requestState;
      const state: unknown = span && JSON.parse(answer.toString('utf8', span[0], span[1]));
      if (span === undefined || typeof state !== 'string') return answer;
      const issued = Date.now().toString(36);
      return splice(answer, [{ span, text: JSON.stringify(`tg1.${issued}.${mac(request, issued, state)}.${state}`) }]);
    },
  };
}

/** What the state belongs to: it must not carry over to another tool. */
const subjectOf = ({ message, mount }: McpRequest): string =>
  JSON.stringify([mount.upstream, message.method, message.params?.name ?? message.params?.uri ?? null]);
