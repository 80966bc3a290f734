import type { AppError } from '../errors/app-error.ts';
import type { CallTrace } from '../http/tracing.ts';
import type { Exchange } from '../upstreams/upstream-connection.ts';
import { outcomeOf } from './audit-call.ts';
import type { GatewayContext } from './context.ts';
import type { McpRequest } from './mcp-request.ts';
import { createOutcomeMeter, type OutcomeMeter } from './outcome.ts';
import type { Route } from './route.ts';

/** One call from its decision to its outcome. However it ends, it is settled once. */
export interface CallRun {
  readonly meter: OutcomeMeter;
  readonly trace: CallTrace | undefined;
  /** Settled; nothing more may go out for it. */
  over(): boolean;
  /** From now on the intent is recorded, so an outcome must be, too. */
  recorded(): void;
  /** The upstream is at work. */
  forwarding(exchange: Exchange): void;
  finish(failure?: { outcome: 'failed' | 'cancelled'; errorCode: string }): void;
  /** Stops the upstream and the answer. */
  cancel(reason: string): void;
}

export function startRun(gateway: GatewayContext, request: McpRequest, found: Route): CallRun {
  const { session, message, res, receivedAt } = request;
  const meter = createOutcomeMeter(found.upstream.audit.response === 'content');
  const trace = gateway.tracer?.start({
    method: message.method,
    kind: found.target.kind,
    target: found.target.name,
    upstream: found.upstream.name,
    requestId: request.requestId,
    meta: message.params?._meta as Record<string, unknown> | undefined,
  });
  let exchange: Exchange | undefined;
  let recorded = false;
  let over = false;

  const finish: CallRun['finish'] = (failure) => {
    if (over) return;
    over = true;
    forget();
    free();
    session?.inFlight.delete(message.id);
    const outcome = meter.finish(failure);
    if (recorded) gateway.audit.record(outcomeOf(request, found, outcome));
    trace?.end(outcome.outcome === 'ok' ? undefined : (outcome.errorCode ?? outcome.outcome));
    gateway.observe({
      upstream: found.upstream.name,
      method: message.method,
      outcome: outcome.outcome,
      durationMs: performance.now() - receivedAt,
    });
  };
  const cancel = (reason: string): void => {
    if (over) return;
    exchange?.cancel(reason);
    finish({ outcome: 'cancelled', errorCode: reason });
  };
  const run: CallRun = {
    meter,
    trace,
    over() {
      return over;
    },
    recorded() {
      recorded = true;
    },
    forwarding(started) {
      exchange = started;
    },
    finish,
    cancel,
  };
  const free = gateway.memory.hold(res);
  const forget = gateway.live.add({
    bagIndex: -1,
    exchange: request,
    target: found.target,
    end(reason) {
      cancel(reason);
      res.destroy();
    },
  });
  session?.inFlight.set(message.id, {
    cancel(reason) {
      cancel(reason ?? 'cancelled');
      endWithoutResponse(request);
    },
  });
  res.on('close', () => {
    if (over) return;
    // A modern client cancels by closing; a legacy one may only have lost its connection (2025-11-25, "Sending Messages").
    if (request.codec.era === 'modern') cancel('client_closed');
    else exchange?.resume();
  });
  return run;
}

/** A cancelled request gets no response (MCP, "Cancellation"); its HTTP answer still has to end. */
function endWithoutResponse({ res }: McpRequest): void {
  if (res.destroyed) return;
  if (!res.headersSent) res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  res.end();
}

export const failureOf = (error: AppError) => ({ outcome: 'failed', errorCode: error.code }) as const;
