import { AppError } from '../../errors/app-error.ts';
import { createSseReader, type SseEvent } from '../../mcp/sse.ts';
import type { Credential, ExchangeSink, UpstreamConnection } from '../upstream-connection.ts';
import type { UpstreamContext } from '../upstream-context.ts';
import { Channel } from './channel.ts';
import { createChannelConnection, shakeHands } from './channel-connection.ts';
import type { ConnectionOptions } from './connection-options.ts';
import type { HttpEndpoint } from './http.ts';
import { createHeaderPrefix, createStreamPrefix } from './http-headers.ts';

/**
 * Opens a connection to a server of the deprecated HTTP+SSE transport (2024-11-05): one GET stream brings all messages,
 * and its first event, `endpoint`, says where to post. That place must be of the same origin as the configured URL, or
 * the server could have our credential sent to anybody. Rejects with AppError.
 */
export async function openSse(
  context: UpstreamContext,
  endpoint: HttpEndpoint,
  options: ConnectionOptions,
): Promise<UpstreamConnection> {
  const { name } = context.upstream;
  const posts = createHeaderPrefix(undefined, undefined);
  let postPath = '';
  const channel = new Channel({
    upstream: name,
    shared: options.shared,
    limits: context.limits,
    guard: context.guard,
    log: context.log,
    write: (message, credential: Credential = options.credential) =>
      endpoint.notify(message, posts.of(credential), credential, postPath),
  });
  const ended = Promise.withResolvers<AppError>();
  const end = (reason: AppError): void => {
    channel.end(reason);
    ended.resolve(reason);
  };
  const opened = Promise.withResolvers<string>();
  const sink = createStreamSink({
    upstream: name,
    maxEventBytes: context.limits.maxResponseBytes,
    onEvent(event) {
      if (event.event === 'endpoint' && postPath === '') {
        postPath = endpointPath(name, endpoint.url, String(event.data ?? ''));
        opened.resolve(postPath);
      } else if (event.data !== undefined && postPath !== '' && (event.event ?? 'message') === 'message') {
        channel.receive(event.data);
      }
    },
    onEnd(reason) {
      opened.reject(reason);
      end(reason);
    },
    stop: () => stream.abort(),
  });
  const headers = createStreamPrefix(undefined, undefined).of(options.credential);
  const stream = endpoint.stream({ headers, credential: options.credential, rest: false }, sink);
  const close = async (): Promise<void> => {
    stream.abort();
    end(new AppError('upstream_unavailable', `The connection to "${name}" was closed.`));
  };
  const timer = setTimeout(() => {
    opened.reject(new AppError('upstream_timeout', `"${name}" sent no \`endpoint\` event on its event stream.`));
  }, context.limits.timeoutMs);
  try {
    await opened.promise;
    // The transport is older than every modern revision: there is nothing to probe for.
    const handshake = await shakeHands(context, channel, options, false);
    return createChannelConnection(context, { channel, close, ended: ended.promise }, options, handshake);
  } catch (error) {
    await close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function endpointPath(upstream: string, base: URL, given: string): string {
  const url = URL.parse(given.trim(), base);
  if (url === null || url.origin !== base.origin || url.username !== '' || url.password !== '') {
    throw new AppError(
      'upstream_invalid',
      `"${upstream}" names an endpoint for messages that is not of its own origin.`,
    );
  }
  return `${url.pathname}${url.search}`;
}

function createStreamSink(options: {
  upstream: string;
  maxEventBytes: number;
  onEvent: (event: SseEvent) => void;
  onEnd: (reason: AppError) => void;
  stop: () => void;
}): ExchangeSink {
  const reader = createSseReader({ maxEventBytes: options.maxEventBytes });
  return {
    head() {},
    data(chunk) {
      try {
        for (const event of reader.push(chunk)) options.onEvent(event);
      } catch (error) {
        options.stop();
        options.onEnd(error as AppError);
      }
      return true;
    },
    end: () => options.onEnd(new AppError('upstream_unavailable', `"${options.upstream}" ended its event stream.`)),
    fail: options.onEnd,
  };
}
