import { AppError } from '../errors/app-error.ts';
import { createSseReader, type SseEvent, type SseReader } from '../mcp/sse.ts';
import type { ExchangeSink } from '../upstreams/upstream-connection.ts';
import { createClientWriter } from './client-writer.ts';
import type { McpRequest } from './mcp-request.ts';
import type { OutcomeMeter } from './outcome.ts';
import { errorJson } from './respond.ts';

/** What of an upstream's answer is changed on its way. Null passes the original bytes. */
export interface Rewrite {
  /** A whole JSON body. When absent, JSON bytes stream through as they come. */
  readonly body?: (json: Buffer) => Buffer;
  /** Beyond this many bytes a body streams through all the same, unchanged. */
  readonly bodyLimit?: number;
  /** What to send for an event; null to leave it out. When absent, events pass as they are. */
  readonly event?: (event: SseEvent) => Buffer | null;
}

export interface RelayHooks {
  readonly rewrite: Rewrite;
  readonly meter: OutcomeMeter;
  /** The client has room again. */
  onDrain(): void;
  /** What the client is told about a failure; the failure itself unless this says otherwise. */
  explain(error: AppError): AppError;
  /** Answers with a failure, of which nothing has gone out yet. */
  refuse(error: AppError): void;
  /** The upstream sent what cannot be read: stop it. */
  abort(): void;
  /** The answer is over, or can never come. Called exactly once. */
  onDone(failure?: AppError): void;
}

/** Larger JSON bodies are not read as a whole to see whether they are an error; see `describeLargeBody`. */
const MAX_WHOLE_BODY = 1024 * 1024;
const MAX_EVENT_BYTES = 64 * 1024 * 1024;

/**
 * Carries an upstream's answer to the client as it comes, with back-pressure, and shows each message in it to the meter.
 * A failure becomes a JSON-RPC error on whatever has been sent so far.
 */
export function createRelay(request: McpRequest, hooks: RelayHooks): ExchangeSink {
  const writer = createClientWriter(request.res, hooks.onDrain);
  const { meter, rewrite } = hooks;
  let reader: SseReader | undefined;
  let chunks: Buffer[] = [];
  let bytes = 0;
  /** The upstream gave out event ids, so a client may fetch the rest after the stream ended (2025-11-25, polling). */
  let resumable = false;
  /** The body goes out as it comes. */
  let streaming = hooks.rewrite.body === undefined;

  const out = (chunk: Buffer): boolean => {
    meter.add(chunk);
    return writer.write(chunk);
  };

  const events = (chunk: Buffer): boolean => {
    let more = true;
    for (const event of reader!.push(chunk)) {
      if (event.data !== undefined && event.data.length > 0 && !meter.message(event.data)) throw unreadable();
      const bytes = rewrite.event === undefined ? event.raw : rewrite.event(event);
      if (event.id !== undefined) resumable = true;
      if (bytes !== null) more = out(bytes);
    }
    return more;
  };

  const fail = (failure: AppError): void => {
    const error = hooks.explain(failure);
    if (!writer.committed()) {
      meter.forget();
      hooks.refuse(error);
    } else if (writer.contentType() === 'sse') {
      out(Buffer.from(`event: message\ndata: ${errorJson(request.message.id, error, request.requestId)}\n\n`));
      writer.end();
    } else request.res.destroy();
    hooks.onDone(failure);
  };

  /** Runs a step that reads what the upstream sent; false after it turned out unreadable and the call was failed. */
  const readable = (step: () => boolean): boolean => {
    try {
      return step();
    } catch (error) {
      hooks.abort();
      fail(error instanceof AppError ? error : new AppError('upstream_invalid', undefined, { cause: error }));
      return false;
    }
  };

  const finishBody = (): boolean => {
    if (!meter.message(bytes <= MAX_WHOLE_BODY ? chunks : describeLargeBody(chunks))) throw unreadable();
    if (!streaming) out(rewrite.body!(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    chunks = [];
    return true;
  };

  return {
    head(status, contentType) {
      if (contentType === 'sse') reader = createSseReader({ maxEventBytes: MAX_EVENT_BYTES });
      // To a legacy client 404 would mean that its session is gone; its errors stand in the body.
      writer.head(request.codec.era === 'legacy' ? 200 : status, contentType);
    },
    data(chunk) {
      if (reader !== undefined) return readable(() => events(chunk));
      bytes += chunk.length;
      if (streaming) {
        if (bytes <= MAX_WHOLE_BODY) chunks.push(chunk);
        return out(chunk);
      }
      chunks.push(chunk);
      if (bytes <= (rewrite.bodyLimit ?? Number.POSITIVE_INFINITY)) return true;
      streaming = true;
      return chunks.map(out).every(Boolean);
    },
    end() {
      if (reader === undefined && !readable(finishBody)) return;
      if (reader !== undefined && !meter.answered() && !resumable) {
        return fail(new AppError('upstream_unavailable', 'The upstream server ended its answer before the response.'));
      }
      writer.end();
      hooks.onDone();
    },
    fail,
  };
}

const unreadable = (): AppError =>
  new AppError('upstream_invalid', 'The upstream server answered with something that is no MCP message.');

/** Of a body over the limit only its beginning is known; a JSON-RPC error that large does not occur in practice. */
function describeLargeBody(beginning: readonly Buffer[]): Buffer {
  return Buffer.from(Buffer.concat(beginning, 1024).includes('"error"') ? '{"error":{"code":0}}' : '{"result":{}}');
}
