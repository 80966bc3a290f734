import { createHmac, timingSafeEqual } from 'node:crypto';
import { AppError } from '../errors/app-error.ts';
import type { Secret } from '../lib/secret.ts';
import { type MessageSpans, scanStructure } from '../mcp/json-structure.ts';
import { splice } from '../mcp/splice.ts';
import type { McpRequest } from './mcp-request.ts';

/** A question to the user may be answered this long after it was asked. */
const TTL_MS = 60 * 60_000;
const SEALED = /^(tgc?1)\.([0-9a-z]{1,11})\.([\w-]{43})\.(.*)$/s;
const MAX_DEPTH = 256;

/** Whose state it is: an upstream's, or the gateway's own, when it asked to connect an account. One never passes for the other. */
type Kind = 'tg1' | 'tgc1';

/** What the gateway's own state says: which account was to be connected, and why. */
export interface PromptState {
  readonly upstream: string;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
}

export type RequestStates = ReturnType<typeof createRequestStates>;

/**
 * `requestState` is a handle of the upstream that the client carries from one round trip to the next (2026-07-28, "Multi
 * Round-Trip Requests"). Whoever has it could continue the exchange, and an upstream with a shared credential cannot tell
 * people apart. So the gateway seals it for one principal, method and target, and takes only its own seal back.
 */
export function createRequestStates(key: Secret) {
  const mac = (request: McpRequest, kind: Kind, issued: string, state: string): string => {
    const { tenantId, principal } = request.caller;
    const sealed = [tenantId, principal.id, subjectOf(request), issued, state, ...(kind === 'tg1' ? [] : [kind])];
    return createHmac('sha256', key.reveal()).update(JSON.stringify(sealed)).digest('base64url');
  };

  const seal = (request: McpRequest, kind: Kind, state: string): string => {
    const issued = Date.now().toString(36);
    return `${kind}.${issued}.${mac(request, kind, issued, state)}.${state}`;
  };

  const open = (request: McpRequest, kind: Kind): { issuedAt: number; state: string } => {
    const given = request.message.params?.requestState;
    const [, marked, issued, tag, state] = (typeof given === 'string' && SEALED.exec(given)) || [];
    const issuedAt = Number.parseInt(issued ?? '', 36);
    const fresh = marked === kind && Date.now() - issuedAt <= TTL_MS;
    if (!fresh || !timingSafeEqual(Buffer.from(tag!), Buffer.from(mac(request, kind, issued!, state!)))) {
      throw new AppError(
        'invalid_params',
        'This requestState was not issued to you for this request, or it is too old.',
      );
    }
    return { issuedAt, state: state! };
  };

  return {
    /** The request with the upstream's own state in it. Throws `invalid_params` for a state of somebody else. */
    opened(request: McpRequest): { body: Buffer; spans: MessageSpans } {
      const { body, spans } = request;
      if (spans.requestState === undefined) return request;
      const { state } = open(request, 'tg1');
      const opened = splice(body, [{ span: spans.requestState, text: JSON.stringify(state) }]);
      return { body: opened, spans: scanStructure(opened, MAX_DEPTH).spans };
    },
    /** An answer of the upstream with the state in it sealed; every other byte stays. */
    sealed(request: McpRequest, answer: Buffer): Buffer {
      if (!answer.includes('"requestState"')) return answer;
      const span = scanStructure(answer, MAX_DEPTH).spans.requestState;
      const state: unknown = span && JSON.parse(answer.toString('utf8', span[0], span[1]));
      if (span === undefined || typeof state !== 'string') return answer;
      return splice(answer, [{ span, text: JSON.stringify(seal(request, 'tg1', state)) }]);
    },
    /** The gateway's own state, for a request that cannot go on before its caller has connected an account. */
    ofPrompt: (request: McpRequest, { upstream, reason }: Pick<PromptState, 'upstream' | 'reason'>): string =>
      seal(request, 'tgc1', `${upstream}/${reason}`),
    /**
     * The gateway's own state in a request; null when it carries none of these. Throws `invalid_params` for one that was
     * issued to somebody else, or for something else.
     */
    ofRetry(request: McpRequest): PromptState | null {
      const given = request.message.params?.requestState;
      if (typeof given !== 'string' || !given.startsWith('tgc1.')) return null;
      const { issuedAt, state } = open(request, 'tgc1');
      const [upstream, reason] = state.split('/') as [string, string];
      return { upstream, reason, issuedAt };
    },
  };
}

/** What the state belongs to: it must not carry over to another tool. */
const subjectOf = ({ message, mount }: McpRequest): string =>
  JSON.stringify([mount.upstream, message.method, message.params?.name ?? message.params?.uri ?? null]);
