import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One span as OTLP/JSON has it, with its attributes as an object. */
export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly kind: number;
  /** 2 is an error. */
  readonly statusCode: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface OtlpCollector {
  /** What goes into `telemetry.otlpEndpoint`. */
  readonly url: string;
  readonly spans: CollectedSpan[];
  /** Every body, as it came. */
  readonly bodies: string[];
  /** From now on nothing is answered. */
  hang(): void;
  close(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: OTLP as it comes
type Any = any;

const toObject = (attributes: Any[] = []): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

/** A collector that takes traces over OTLP/HTTP with JSON. */
export async function startOtlpCollector(): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  const bodies: string[] = [];
  const waiting = new Set<ServerResponse>();
  let hanging = false;
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    bodies.push(body);
    if (hanging) {
      waiting.add(res);
      return;
    }
    if (req.method !== 'POST' || req.url !== '/v1/traces') {
      res.writeHead(404).end();
      return;
    }
    for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
      for (const span of scopeSpans.flatMap((scope: Any) => scope.spans)) {
        const { name, traceId, spanId, parentSpanId, kind, status, attributes } = span;
        spans.push({
          name,
          traceId,
          spanId,
          parentSpanId: parentSpanId || undefined,
          kind,
          statusCode: status?.code ?? 0,
          attributes: toObject(attributes),
          resource: toObject(resource.attributes),
        });
      }
    }
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    hang() {
      hanging = true;
    },
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await closed;
    },
  };
}
