import { AppError, toAppError } from '../errors/app-error.ts';
import { writeSseEvent } from '../mcp/sse.ts';
import { splitName } from '../mcp/tool-names.ts';
import type { Credential, Exchange, UpstreamConnection } from '../upstreams/upstream-connection.ts';
import { denialOf, intentOf } from './audit-call.ts';
import { bridgeAnswer, needsBridge } from './bridge.ts';
import { type CallRun, failureOf, startRun } from './call-run.ts';
import { sendFailure } from './connect-prompt.ts';
import { afterPrompt } from './connect-retry.ts';
import { connectRoute, sendConnected } from './connect-tool.ts';
import { type GatewayContext, logFailure } from './context.ts';
import { mayRead } from './may-see.ts';
import type { McpRequest } from './mcp-request.ts';
import { outbound } from './outbound.ts';
import { createRelay, type Rewrite } from './relay.ts';
import { sendError, sendResult } from './respond.ts';
import { type Route, route, type Subject, subjectOfRequest, unreachable } from './route.ts';
import { forwardServerEvent } from './server-requests.ts';
import { connectionFor, explainLostSession } from './session-connection.ts';
import { loadOwnCatalogues, ownerOf, type Snapshot, whyUnreachable } from './snapshot.ts';
import { trackSubscription } from './subscription.ts';
import { scopeRefusal } from './token-scopes.ts';
import { traceDenial } from './trace-denial.ts';

/** The requests that name a primitive, are decided on it, and go to its upstream. */
export const GOVERNED_METHODS: ReadonlySet<string> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'completion/complete',
]);

/**
 * One governed call: route → decide → record the intent → credential → forward. The order is the guarantee: nothing
 * leaves before the decision allowed it and the record of it is as durable as `audit.mode` asks for.
 */
export async function call(gateway: GatewayContext, incoming: McpRequest): Promise<void> {
  const subject = subjectOfRequest(incoming.message);
  if (subject === null) throw new AppError('invalid_params', `${incoming.message.method} must name what it is for.`);
  const request = incoming.spans.requestState === undefined ? incoming : await afterPrompt(gateway, incoming, subject);
  if (request === null) return;
  const snapshot = gateway.snapshot();
  const known = route(snapshot, request.caller, request.mount, subject);
  const found = known?.decision.allowed ? known : await loadAndRoute(gateway, snapshot, request, subject);
  if (found === null || !found.decision.allowed) return refuse(gateway, request, subject, found);
  const narrower = found.own ? null : scopeRefusal(request.caller, found.target);
  if (narrower !== null) return refuseScope(gateway, request, subject, found, narrower);

  const run = startRun(gateway, request, found);
  try {
    await gateway.audit.intent(intentOf(request, found));
    run.recorded();
    const given = gateway.credentialOf(
      found.upstream,
      ownerOf(found.upstream, request.caller),
      request.caller.agent.id,
    );
    const credential = given instanceof Promise ? await given : given;
    if (found.own) return answerOwn(request, found, run);
    const connection = await connectionFor(gateway, request.caller, request.session, found.upstream, credential);
    if (connection.shared && !trackSubscription(gateway, request, found)) return answerEmpty(request, run);
    // Revoked, cancelled or gone while the record, the credential or the connection was waited for.
    if (!run.over()) forward(gateway, request, found, connection, credential, run);
  } catch (thrown) {
    const error = explainLostSession(gateway, request.session, found.upstream, toAppError(thrown));
    logFailure(gateway.log, request.requestId, error);
    run.finish(failureOf(error));
    sendFailure(gateway, request, found.upstream, error);
  }
}

/** Only what is not found among the catalogues in memory waits for those that are the caller's own, and for no other. */
async function loadAndRoute(
  gateway: GatewayContext,
  snapshot: Snapshot,
  { caller, mount }: McpRequest,
  subject: Subject,
): Promise<Route | null> {
  const named = subject.kind === 'resource' ? mount : { upstream: mount.upstream ?? upstreamOf(subject.name) };
  await loadOwnCatalogues(gateway.upstreams, snapshot, named, caller);
  return route(snapshot, caller, mount, subject) ?? connectRoute(gateway, snapshot, caller, mount, subject);
}

/** An empty name is no upstream's: nothing is waited for. */
const upstreamOf = (name: string): string => splitName(name)?.upstream ?? '';

function answerOwn(request: McpRequest, found: Route, run: CallRun): void {
  run.meter.message(Buffer.from('{"result":{}}'));
  run.finish();
  sendConnected(request, found);
}

function answerEmpty(request: McpRequest, run: CallRun): void {
  run.meter.message(Buffer.from('{"result":{}}'));
  run.finish();
  sendResult(request, '{}');
}

/** Policy allows it and the token does not: the client may ask for another one, so it is told which. */
function refuseScope(
  gateway: GatewayContext,
  request: McpRequest,
  subject: Subject,
  found: Route,
  error: AppError,
): never {
  const decision = { ...found.decision, allowed: false, reason: 'insufficient_scope' };
  gateway.audit.record(denialOf(request, subject, { ...found, decision }));
  traceDenial(gateway, request, subject, found);
  gateway.observe({ upstream: found.upstream.name, method: request.message.method, outcome: 'denied', durationMs: 0 });
  throw error;
}

/** What the caller can change, where nothing is known of an upstream yet. */
const UP_TO_THE_CALLER: ReadonlySet<string> = new Set(['connection_required', 'insufficient_scope']);

/** Unknown and forbidden look the same to the caller; the audit log tells them apart. */
async function refuse(
  gateway: GatewayContext,
  request: McpRequest,
  subject: Subject,
  found: Route | null,
): Promise<void> {
  const down = found === null ? unreachable(gateway.snapshot(), request.caller, request.mount, subject) : null;
  const why = down === null ? null : await whyUnreachable(gateway.upstreams, down, request.caller);
  const denial = denialOf(request, subject, found);
  const isOwn = why !== null && UP_TO_THE_CALLER.has(why.code);
  gateway.audit.record(isOwn ? { ...denial, upstream: down!.name, reason: why.code } : denial);
  traceDenial(gateway, request, subject, found);
  gateway.observe({
    upstream: found?.upstream.name ?? '',
    method: request.message.method,
    outcome: 'denied',
    durationMs: 0,
  });
  // A URI on `/mcp` names no upstream, so nobody is asked for anything because of it.
  const isNamed = subject.kind !== 'resource' || request.mount.upstream !== null;
  if (down !== null && why !== null && (isNamed || !isOwn)) {
    if (why.code === 'insufficient_scope') throw why;
    sendFailure(gateway, request, down, why);
  } else if (subject.kind === 'resource') {
    const error = new AppError('invalid_params', `Unknown resource: ${subject.name}`);
    sendError(request, error, request.codec.unknownResource(subject.name));
  } else {
    sendError(request, new AppError('invalid_params', `Unknown ${subject.kind}: ${subject.name}`));
  }
}

function forward(
  gateway: GatewayContext,
  request: McpRequest,
  found: Route,
  connection: UpstreamConnection,
  credential: Credential,
  run: CallRun,
): void {
  let exchange: Exchange | undefined;
  const relay = createRelay(request, {
    rewrite: rewriteFor(gateway, request, connection, credential),
    meter: run.meter,
    onDrain: () => exchange?.resume(),
    abort: () => exchange?.abort(),
    explain: (error) => explainLostSession(gateway, request.session, found.upstream, error),
    refuse: (error) => sendFailure(gateway, request, found.upstream, error),
    onDone(error) {
      if (error !== undefined) logFailure(gateway.log, request.requestId, error);
      run.finish(error && failureOf(error));
    },
  });
  exchange = connection.exchange(outbound(gateway, request, found, connection, credential, run.trace), relay);
  run.forwarding(exchange);
  forgetArguments(request);
}

/** They are on their way as bytes. Parsed, they would take their memory once more for as long as the call lasts. */
function forgetArguments({ message: { params } }: McpRequest): void {
  if (params?.arguments !== undefined) params.arguments = undefined;
}

function rewriteFor(
  gateway: GatewayContext,
  request: McpRequest,
  connection: UpstreamConnection,
  credential: Credential,
): Rewrite {
  if (needsBridge(request, connection)) return bridgeAnswer(request, connection, credential);
  const { session } = request;
  if (session === null) return sealStates(gateway, request);
  if (connection.shared) return {};
  return {
    event(event) {
      const forwarded = forwardServerEvent(session, connection, event, (upstream, uri) =>
        mayRead(gateway.snapshot(), request.caller, upstream, uri),
      );
      if (forwarded.listChanged) gateway.upstreams.refresh(connection.upstream.name);
      return forwarded.bytes;
    },
  };
}

/** Far larger than any question to a user; a larger answer streams through. */
const SEALABLE_BYTES = 256 * 1024;

function sealStates({ states }: GatewayContext, request: McpRequest): Rewrite {
  return {
    body: (json) => states.sealed(request, json),
    bodyLimit: SEALABLE_BYTES,
    event({ raw, data, id, event }) {
      const sealed = data && states.sealed(request, data);
      return sealed === data ? raw : Buffer.from(writeSseEvent({ id, event, data: sealed }));
    },
  };
}
