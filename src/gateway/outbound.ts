import type { CallTrace } from '../http/tracing.ts';
import { codecOf } from '../mcp/codecs/codec.ts';
import { subjectOf } from '../mcp/header-rules.ts';
import { type MessageSpans, scanStructure } from '../mcp/json-structure.ts';
import { isObject } from '../mcp/message.ts';
import { paramHeaders } from '../mcp/param-headers.ts';
import { spansAfter, splice } from '../mcp/splice.ts';
import { withMeta } from '../mcp/with-meta.ts';
import type { Target } from '../model/decision.ts';
import type { Upstream } from '../model/upstream.ts';
import { callerHeaders } from '../upstreams/caller-headers.ts';
import type { IdentityStatements } from '../upstreams/identity-statement.ts';
import type { Credential, OutboundRequest, UpstreamConnection } from '../upstreams/upstream-connection.ts';
import { bridgeRequest, needsBridge } from './bridge.ts';
import type { GatewayContext } from './context.ts';
import type { McpRequest } from './mcp-request.ts';
import type { Route } from './route.ts';

const MAX_DEPTH = 256;

interface Message {
  readonly body: Buffer;
  readonly spans: MessageSpans;
}

/**
 * The request as it goes to the upstream: the client's bytes, with the prefix taken off the name, and `_meta` changed
 * only where the eras differ or the call is traced.
 */
export function outbound(
  { states, identity }: GatewayContext,
  request: McpRequest,
  { upstream, target, entry }: Route,
  connection: UpstreamConnection,
  credential: Credential,
  trace: CallTrace | undefined,
): OutboundRequest {
  const { message, http } = request;
  let { body, spans } = withoutPrefix(request, states.opened(request), target);
  const headers = callerHeaders(upstream, http);
  addIdentity(headers, identity, upstream, request);
  if (trace !== undefined) {
    ({ body, spans } = withTrace(request, body, spans, trace));
    headers.push('traceparent', trace.traceparent);
    if (trace.tracestate !== undefined) headers.push('tracestate', trace.tracestate);
  }
  if (needsBridge(request, connection)) {
    ({ body, spans } = bridgeRequest(request, connection, body, spans));
    if (codecOf(connection.revision).era === 'modern') {
      headers.push(...paramHeaders(entry?.definition.inputSchema, message.params?.arguments));
    }
  } else if (request.codec.era === 'modern') {
    appendParamHeaders(http.rawHeaders, headers);
  }
  // What the call is for is not always what `Mcp-Name` repeats: not for `completion/complete`.
  const name = subjectOf(message.method, message.params) === undefined ? undefined : target.name;
  return { body, spans, method: message.method, name, headers, credential };
}

/** Who calls, for an upstream that asks to be told. */
export function addIdentity(
  headers: string[],
  identity: IdentityStatements,
  upstream: Upstream,
  { caller }: McpRequest,
): void {
  if (upstream.transport === 'stdio' || upstream.identityHeader === null) return;
  headers.push(upstream.identityHeader, identity.about(upstream, caller.principal));
}

function withoutPrefix({ mount, message }: McpRequest, { body, spans }: Message, { kind, name }: Target): Message {
  const nameSpan = message.method === 'completion/complete' ? spans.refName : spans.name;
  if (mount.upstream !== null || kind === 'resource' || nameSpan === undefined) return { body, spans };
  const edits = [{ span: nameSpan, text: JSON.stringify(name) }];
  return { body: splice(body, edits), spans: spansAfter(spans, edits) };
}

/** MCP carries the trace context in `params._meta` (2026-07-28, "OpenTelemetry trace context"). */
function withTrace({ message }: McpRequest, body: Buffer, spans: MessageSpans, { traceparent, tracestate }: CallTrace) {
  const meta = isObject(message.params?._meta) ? message.params._meta : {};
  const traced = withMeta(body, spans, { ...meta, traceparent, ...(tracestate !== undefined && { tracestate }) });
  return { body: traced, spans: scanStructure(traced, MAX_DEPTH).spans };
}

/** Intermediaries forward every `Mcp-Param-*` (2026-07-28, "Server Behavior for Custom Headers"). */
function appendParamHeaders(rawHeaders: readonly string[], headers: string[]): void {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (name.length > 10 && name.slice(0, 10).toLowerCase() === 'mcp-param-') headers.push(name, rawHeaders[i + 1]!);
  }
}
