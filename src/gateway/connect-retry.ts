import { AppError, toAppError } from '../errors/app-error.ts';
import { isObject } from '../mcp/message.ts';
import type { Upstream } from '../model/upstream.ts';
import { denialOf } from './audit-call.ts';
import { PROMPT_KEY, sendTryAgain } from './connect-prompt.ts';
import type { GatewayContext } from './context.ts';
import type { EndReason } from './live-calls.ts';
import type { McpRequest } from './mcp-request.ts';
import type { PromptState } from './request-state.ts';
import type { Subject } from './route.ts';
import { ownerOf } from './snapshot.ts';
import { withoutParams } from './without-params.ts';

/**
 * A request that carries the gateway's own `requestState` was asked before to connect an account. Whatever its person said,
 * it goes on as if it came for the first time, with nothing of the question left in it: only the account itself counts. Who
 * agreed is given time to come back from the page. Null when it was answered here. A request without such a state is
 * returned as it is. Throws `invalid_params` for a state that was issued to somebody else.
 */
export async function afterPrompt(
  gateway: GatewayContext,
  request: McpRequest,
  subject: Subject,
): Promise<McpRequest | null> {
  const asked = stateOf(gateway, request, subject);
  if (asked === null) return request;
  const answer = answerOf(request);
  const upstream = gateway.snapshot().upstreams.get(asked.upstream);
  if (upstream !== undefined && answer === 'accept') {
    const ended = await whileOnThePage(gateway, request, upstream, asked);
    if (ended === 'revoked') throw new AppError('credential_invalid');
    if (ended !== null) {
      // What the caller may do is looked up anew with its next try; this one is not decided on what it was before.
      sendTryAgain(gateway, request, asked);
      return null;
    }
  }
  return { ...withoutQuestion(request), declined: answer === 'decline' || answer === 'cancel' };
}

function stateOf(gateway: GatewayContext, request: McpRequest, subject: Subject): PromptState | null {
  try {
    return gateway.states.ofRetry(request);
  } catch (error) {
    gateway.audit.record({ ...denialOf(request, subject, null), reason: 'a requestState that is not theirs' });
    throw toAppError(error);
  }
}

function answerOf({ message }: McpRequest): unknown {
  const responses = message.params?.inputResponses;
  const response = isObject(responses) ? responses[PROMPT_KEY] : undefined;
  return isObject(response) ? response.action : undefined;
}

/** Waits for the account. A revocation, a change of rights or a shutdown ends the waiting, and is returned. */
async function whileOnThePage(
  gateway: GatewayContext,
  request: McpRequest,
  upstream: Upstream,
  { reason, issuedAt }: PromptState,
): Promise<EndReason | null> {
  const owner = ownerOf(upstream, request.caller);
  if (owner === undefined) return null;
  const ended = Promise.withResolvers<EndReason | null>();
  const gone = () => ended.resolve('shutdown');
  const forget = gateway.live.add({
    bagIndex: -1,
    exchange: request,
    target: undefined,
    end: (reason) => ended.resolve(reason),
  });
  request.res.on('close', gone);
  const forMore = reason === 'scopes';
  gateway.waits.until({ upstream, owner, since: issuedAt, forMore }).then(() => ended.resolve(null));
  try {
    return await ended.promise;
  } finally {
    forget();
    request.res.off('close', gone);
  }
}

function withoutQuestion(request: McpRequest): McpRequest {
  const { body, spans } = withoutParams(request, ['requestState', 'inputResponses']);
  const { requestState: _, inputResponses: __, ...params } = request.message.params!;
  return { ...request, body, spans, message: { ...request.message, params } };
}
