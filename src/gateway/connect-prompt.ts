import { AppError } from '../errors/app-error.ts';
import { newId } from '../lib/ids.ts';
import { isObject } from '../mcp/message.ts';
import { LATEST_LEGACY, META_CAPABILITIES } from '../mcp/revision.ts';
import type { PrincipalRef } from '../model/principal.ts';
import type { Upstream } from '../model/upstream.ts';
import type { ConnectReason } from '../upstreams/oauth/connection-errors.ts';
import type { GatewayContext } from './context.ts';
import type { McpRequest } from './mcp-request.ts';
import type { PromptState } from './request-state.ts';
import { sendError, sendResult } from './respond.ts';
import type { Session } from './sessions.ts';

/**
 * The page of the gateway where this person, signed in there, connects an account. Good for nobody else. Null where nobody
 * can connect anything: no pages, or a principal that is no person.
 */
export type ConnectLinkFor = (upstream: string, principal: PrincipalRef) => { readonly url: string } | null;

/** JSON-RPC code of 2025-11-25 alone ("URL Elicitation Required Error"); 2026-07-28 forbids it. */
const URL_ELICITATION_REQUIRED = -32042;
/** The requests that may be answered with `input_required` (2026-07-28, "Supported Requests"). */
const MAY_ASK: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);
/** Questions of a session that may be open at once; a client that never connects must not grow it without end. */
const MAX_OPEN = 100;

/** The one question in an `input_required` result of the gateway, and so the one answer that a retry has. */
export const PROMPT_KEY = 'connect';

interface Prompt {
  readonly upstream: string;
  readonly url: string;
  readonly reason: string;
  /** Why, in one sentence. */
  readonly why: string;
}

/**
 * Answers a request that failed. Where all that is missing is an account of the caller's own, its client is given the way to
 * connect one in the form that it understands: each revision has its own, and everybody else gets the link as text.
 */
export function sendFailure(gateway: GatewayContext, request: McpRequest, upstream: Upstream, error: AppError): void {
  const prompt = error.code === 'connection_required' ? promptFor(gateway, request, upstream, error) : null;
  if (prompt === null) sendError(request, error);
  else if (request.declined || !mayElicit(request)) sendLink(request, prompt);
  else if (request.session === null) sendInputRequired(gateway, request, prompt);
  else sendElicitationRequired(request, request.session, prompt);
}

function promptFor(gateway: GatewayContext, request: McpRequest, upstream: Upstream, error: AppError): Prompt | null {
  const url = linkFor(gateway, request, upstream, error);
  if (url === null) return null;
  const reason = String(error.data?.reason ?? 'not_connected') as PromptReason;
  return { url, upstream: upstream.name, reason, why: (WHY[reason] ?? WHY.not_connected)(upstream.name) };
}

function linkFor(gateway: GatewayContext, { caller }: McpRequest, { name, auth }: Upstream, error: AppError) {
  if (auth.kind === 'oauth-per-user') return gateway.connectLink(name, caller.principal)?.url ?? null;
  // Where the company's identity provider vouches for people, the link is to sign in there again.
  const given = error.data?.connectUrl;
  return auth.kind === 'token-exchange' && typeof given === 'string' ? given : null;
}

type PromptReason = ConnectReason | 'sign_in';

const WHY: Readonly<Record<PromptReason, (upstream: string) => string>> = {
  not_connected: (upstream) => `${upstream} works with your own account, and you have not connected one yet.`,
  expired: (upstream) => `Your connection to ${upstream} has ended and has to be made again.`,
  scopes: (upstream) => `${upstream} asks for more permissions than you have given so far.`,
  moved: (upstream) => `${upstream} has another address or provider than when you connected your account.`,
  sign_in: (upstream) => `${upstream} wants to know who you are, and your sign-in is over.`,
};

/** Whether the client said, for this request or in `initialize`, that it can show its user a link to open. */
function mayElicit({ session, message, revision }: McpRequest): boolean {
  if (session !== null) return revision === LATEST_LEGACY && hasUrlMode(session.clientCapabilities);
  const meta = message.params?._meta;
  return MAY_ASK.has(message.method) && isObject(meta) && hasUrlMode(meta[META_CAPABILITIES]);
}

/** `elicitation: {}` means forms alone (2025-11-25 and 2026-07-28, "Capabilities"). */
const hasUrlMode = (capabilities: unknown): boolean =>
  isObject(capabilities) && isObject(capabilities.elicitation) && isObject(capabilities.elicitation.url);

const questionOf = ({ why }: Prompt): string => `${why} Open this page, sign in and agree; the call can go on then.`;

function sendElicitationRequired(request: McpRequest, session: Session, prompt: Prompt): void {
  const { url, upstream, reason, why } = prompt;
  const id = newId('ask');
  const elicitation = { mode: 'url', elicitationId: id, url, message: questionOf(prompt) };
  if (session.elicitations.size >= MAX_OPEN) session.elicitations.delete(session.elicitations.keys().next().value!);
  session.elicitations.set(id, upstream);
  sendError(request, new AppError('connection_required', why, { data: { upstream, reason } }), {
    code: URL_ELICITATION_REQUIRED,
    data: { elicitations: [elicitation] },
  });
}

function sendInputRequired(gateway: GatewayContext, request: McpRequest, prompt: Prompt): void {
  const params = { mode: 'url', url: prompt.url, message: questionOf(prompt) };
  const result = request.codec.result({
    resultType: 'input_required',
    inputRequests: { [PROMPT_KEY]: { method: 'elicitation/create', params } },
    requestState: gateway.states.ofPrompt(request, prompt),
  });
  sendResult(request, JSON.stringify(result));
}

/** Asks for nothing but the same request once more (2026-07-28, "InputRequiredResult": a state without questions). */
export function sendTryAgain(gateway: GatewayContext, request: McpRequest, asked: PromptState): void {
  const requestState = gateway.states.ofPrompt(request, asked);
  sendResult(request, JSON.stringify(request.codec.result({ resultType: 'input_required', requestState })));
}

/** A tool's result reaches the model, which tells its person; an error often ends in a log. */
function sendLink(request: McpRequest, { why, url, upstream, reason }: Prompt): void {
  const text = `${why} Open this link in a browser, sign in and agree, then call again: ${url}`;
  if (request.message.method === 'tools/call') {
    const result = request.codec.result({ content: [{ type: 'text', text }], isError: true });
    sendResult(request, JSON.stringify(result));
  } else {
    const data = { upstream, reason, connectUrl: url };
    sendError(request, new AppError('connection_required', text, { data }));
  }
}
