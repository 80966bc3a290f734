import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';

/** One traced call. */
export interface CallTrace {
  /** W3C Trace Context of the call, for the upstream. */
  readonly traceparent: string;
  /** As the client sent it, when it did. */
  readonly tracestate: string | undefined;
  /** `errorType` is set when the call did not succeed. */
  end(errorType?: string): void;
}

export interface CallTracer {
  start(call: {
    readonly method: string;
    readonly kind: 'tool' | 'prompt' | 'resource';
    readonly target: string;
    readonly upstream: string;
    readonly requestId: string;
    /** `params._meta` of the client's request, where MCP puts the trace context. */
    readonly meta: Readonly<Record<string, unknown>> | undefined;
  }): CallTrace;
  /** Sends what is not sent yet, unless that takes seconds: traces are not worth a late stop. Never rejects. */
  close(): Promise<void>;
}

/** Attribute names of the OpenTelemetry semantic conventions for MCP. */
const TARGET_ATTRIBUTE = {
  tool: 'gen_ai.tool.name',
  prompt: 'gen_ai.prompt.name',
  resource: 'mcp.resource.uri',
} as const;
const CLOSE_MS = 2_000;
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/**
 * Traces of calls, sent to an OTLP/HTTP endpoint. The SDK and the exporter are optional packages, loaded only here: most
 * gateways send no traces and need not install them. Throws an Error that says so when they are missing.
 */
export async function startTracing(endpoint: string, version: string): Promise<CallTracer> {
  const { provider, spans } = await loadSdk(endpoint, version);
  const tracer = provider.getTracer('toolgate', version);
  return {
    start({ method, kind, target, upstream, requestId, meta }) {
      const span = tracer.startSpan(
        `${method} ${target}`,
        {
          kind: SpanKind.SERVER,
          attributes: {
            'mcp.method.name': method,
            [TARGET_ATTRIBUTE[kind]]: target,
            'toolgate.upstream': upstream,
            'toolgate.request_id': requestId,
          },
        },
        parentOf(meta?.traceparent),
      );
      const { traceId, spanId, traceFlags } = span.spanContext();
      return {
        traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
        tracestate: typeof meta?.tracestate === 'string' ? meta.tracestate : undefined,
        end(errorType) {
          if (errorType !== undefined) {
            span.setAttribute('error.type', errorType);
            span.setStatus({ code: SpanStatusCode.ERROR });
          }
          span.end();
        },
      };
    },
    async close() {
      const sent = spans.forceFlush().then(() => provider.shutdown());
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, CLOSE_MS);
      await Promise.race([sent.catch(() => {}), late.promise]);
      clearTimeout(timer);
    },
  };
}

async function loadSdk(endpoint: string, version: string) {
  try {
    const [{ BasicTracerProvider, BatchSpanProcessor }, { OTLPTraceExporter }, { resourceFromAttributes }] =
      await Promise.all([
        import('@opentelemetry/sdk-trace-base'),
        import('@opentelemetry/exporter-trace-otlp-http'),
        import('@opentelemetry/resources'),
      ]);
    const spans = new BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` }));
    const resource = resourceFromAttributes({ 'service.name': 'toolgate', 'service.version': version });
    return { provider: new BasicTracerProvider({ resource, spanProcessors: [spans] }), spans };
  } catch (cause) {
    throw new Error(
      'telemetry.otlpEndpoint is set, but the packages that send traces are not installed. Run: npm install @opentelemetry/sdk-trace-base @opentelemetry/exporter-trace-otlp-http @opentelemetry/resources',
      { cause },
    );
  }
}

/** The client's span as the parent, when its `traceparent` is valid (W3C Trace Context §3.2). */
function parentOf(traceparent: unknown) {
  const match = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : null;
  if (match === null) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(match[3]!, 16) & TraceFlags.SAMPLED;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId: match[1]!, spanId: match[2]!, traceFlags, isRemote: true });
}
