import type { GatewayContext } from './context.ts';
import type { McpRequest } from './mcp-request.ts';
import type { Route, Subject } from './route.ts';

/** A client may ask for any name; only so much of one that nothing has goes to the collector. */
const MAX_NAME = 200;

/** The span of a call that was refused. Its error type tells denied and unknown apart, which the caller is not told. */
export function traceDenial(
  { tracer }: GatewayContext,
  { message, mount, requestId }: McpRequest,
  subject: Subject,
  found: Route | null,
): void {
  const trace = tracer?.start({
    method: message.method,
    kind: subject.kind,
    target: found?.target.name ?? subject.name.slice(0, MAX_NAME),
    upstream: found?.upstream.name ?? mount.upstream ?? '',
    requestId,
    meta: message.params?._meta as Record<string, unknown> | undefined,
  });
  trace?.end(found === null ? 'unknown' : 'denied');
}
