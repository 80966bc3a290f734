import { AppError, toAppError } from '../errors/app-error.ts';
import { codecOf } from '../mcp/codecs/codec.ts';
import type { MessageSpans } from '../mcp/json-structure.ts';
import { paramHeaders } from '../mcp/param-headers.ts';
import { spansAfter, splice } from '../mcp/splice.ts';
import { callerHeaders } from '../upstreams/caller-headers.ts';
import type { Credential, Exchange, UpstreamConnection } from '../upstreams/upstream-connection.ts';
import { denialOf, intentOf, outcomeOf } from './audit-call.ts';
import { bridgeAnswer, bridgeRequest, needsBridge } from './bridge.ts';
import { type GatewayContext, logFailure } from './context.ts';
import type { McpRequest } from './mcp-request.ts';
import { createOutcomeMeter, type Outcome } from './outcome.ts';
import { createRelay, type Rewrite } from './relay.ts';
import { sendError } from './respond.ts';
import { type Route, route, type Subject, subjectOfRequest, unreachable } from './route.ts';
import { forwardServerEvent } from './server-requests.ts';
import { connectionFor, explainLostSession } from './session-connection.ts';
import { loadOwnCatalogues, mounted, ownerOf } from './snapshot.ts';

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
export async function call(gateway: GatewayContext, request: McpRequest): Promise<void> {
  const snapshot = gateway.snapshot();
  const subject = subjectOfRequest(request.message);
  if (subject === null) throw new AppError('invalid_params', `${request.message.method} must name what it is for.`);
  await loadOwnCatalogues(gateway.upstreams, mounted(snapshot, request.mount), request.caller);
  const found = route(snapshot, request.caller, request.mount, subject);
  if (found === null || !found.decision.allowed) return refuse(gateway, request, subject, found);

  await gateway.audit.intent(intentOf(request, found));
  try {
    const credential = await gateway.credentialOf(found.upstream, ownerOf(found.upstream, request.caller));
    const connection = await connectionFor(gateway, request.caller, request.session, found.upstream, credential);
    forward(gateway, request, found, connection, credential);
  } catch (thrown) {
    const error = explainLostSession(gateway, request.session, found.upstream, toAppError(thrown));
    logFailure(gateway.log, request.requestId, error);
    settle(gateway, request, found, { outcome: 'failed', errorCode: error.code, bytes: 0 });
    sendError(request, error);
  }
}

/** Unknown and forbidden look the same to the caller; the audit log tells them apart. */
function refuse(gateway: GatewayContext, request: McpRequest, subject: Subject, found: Route | null): void {
  const down = found === null ? unreachable(gateway.snapshot(), request.caller, request.mount, subject) : null;
  gateway.audit.record(denialOf(request, subject, found));
  gateway.observe({
    upstream: found?.upstream.name ?? '',
    method: request.message.method,
    outcome: 'denied',
    durationMs: 0,
  });
  if (down !== null) {
    sendError(
      request,
      new AppError('upstream_unavailable', `${down.name} cannot be reached right now; try again later.`),
    );
  } else if (subject.kind === 'resource') {
    const error = new AppError('invalid_params', `Unknown resource: ${subject.name}`);
    sendError(request, error, request.codec.unknownResource(subject.name));
  } else {
    sendError(request, new AppError('invalid_params', `Unknown ${subject.kind}: ${subject.name}`));
  }
}

function settle(gateway: GatewayContext, request: McpRequest, found: Route, outcome: Outcome): void {
  gateway.audit.record(outcomeOf(request, found, outcome));
  gateway.observe({
    upstream: found.upstream.name,
    method: request.message.method,
    outcome: outcome.outcome,
    durationMs: performance.now() - request.receivedAt,
  });
}

function forward(
  gateway: GatewayContext,
  request: McpRequest,
  found: Route,
  connection: UpstreamConnection,
  credential: Credential,
): void {
  const { session, res, caller } = request;
  const meter = createOutcomeMeter(found.upstream.audit.response === 'content');
  let exchange: Exchange | undefined;
  let done = false;
  const finish = (failure?: Parameters<typeof meter.finish>[0]): void => {
    if (done) return;
    done = true;
    forget();
    session?.inFlight.delete(request.message.id);
    settle(gateway, request, found, meter.finish(failure));
  };
  const cancel = (reason: string): void => {
    if (done) return;
    exchange?.cancel(reason);
    finish({ outcome: 'cancelled', errorCode: reason });
  };
  const forget = gateway.live.add({
    caller,
    stream: false,
    end: (reason) => {
      cancel(reason);
      res.destroy();
    },
  });
  const relay = createRelay(request, {
    rewrite: rewriteFor(gateway, request, connection, credential),
    meter,
    onDrain: () => exchange?.resume(),
    abort: () => exchange?.abort(),
    explain: (error) => explainLostSession(gateway, session, found.upstream, error),
    onDone(error) {
      if (error !== undefined) logFailure(gateway.log, request.requestId, error);
      finish(error && { outcome: 'failed', errorCode: error.code });
    },
  });
  res.on('close', () => {
    if (done) return;
    // A modern client cancels by closing; a legacy one may only have lost its connection (2025-11-25, "Sending Messages").
    if (request.codec.era === 'modern') cancel('client_closed');
    else exchange?.resume();
  });
  exchange = connection.exchange(outbound(request, found, connection, credential), relay);
  session?.inFlight.set(request.message.id, { ...exchange, cancel });
}

function outbound(request: McpRequest, found: Route, connection: UpstreamConnection, credential: Credential) {
  const { upstream, target, entry } = found;
  const { message, http } = request;
  let { body, spans }: { body: Buffer; spans: MessageSpans } = request;
  const nameSpan = message.method === 'completion/complete' ? spans.refName : spans.name;
  if (request.mount.upstream === null && target.kind !== 'resource' && nameSpan !== undefined) {
    const edits = [{ span: nameSpan, text: JSON.stringify(target.name) }];
    body = splice(body, edits);
    spans = spansAfter(spans, edits);
  }
  const headers = callerHeaders(upstream, http);
  if (needsBridge(request, connection)) {
    ({ body, spans } = bridgeRequest(request, connection, body, spans));
    if (codecOf(connection.revision).era === 'modern') {
      headers.push(...paramHeaders(entry?.definition.inputSchema, message.params?.arguments));
    }
  } else if (request.codec.era === 'modern') {
    appendParamHeaders(http.rawHeaders, headers);
  }
  return { body, spans, method: message.method, name: target.name, headers, credential };
}

/** Intermediaries forward every `Mcp-Param-*` (2026-07-28, "Server Behavior for Custom Headers"). */
function appendParamHeaders(rawHeaders: readonly string[], headers: string[]): void {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (name.length > 10 && name.slice(0, 10).toLowerCase() === 'mcp-param-') headers.push(name, rawHeaders[i + 1]!);
  }
}

function rewriteFor(
  gateway: GatewayContext,
  request: McpRequest,
  connection: UpstreamConnection,
  credential: Credential,
): Rewrite {
  if (needsBridge(request, connection)) return bridgeAnswer(request, connection, credential);
  const { session } = request;
  if (session === null || connection.shared) return {};
  return {
    event(event) {
      const forwarded = forwardServerEvent(session, connection, event);
      if (forwarded.listChanged) gateway.upstreams.refresh(connection.upstream.name);
      return forwarded.bytes;
    },
  };
}
