import { isRequest, type JsonRpcMessage } from '../mcp/message.ts';
import { createSseReader } from '../mcp/sse.ts';
import { answerOnBehalfOfNobody, readServerMessage } from './transports/server-message.ts';
import type { ExchangeSink } from './upstream-connection.ts';

const MAX_EVENT_BYTES = 8 * 1024 * 1024;

/**
 * Reads a standing stream of a shared connection. Requests of the server are answered at once on behalf of nobody;
 * notifications are handed on.
 */
export function createServerMessageSink(handlers: {
  onNotification: (message: JsonRpcMessage) => void;
  reply: (answer: Buffer) => void;
  /** The stream is open. */
  onOpen: () => void;
  /** It ended, with an AppError when it failed. */
  onEnd: (error: Error | undefined) => void;
  stop: () => void;
}): ExchangeSink {
  const reader = createSseReader({ maxEventBytes: MAX_EVENT_BYTES });
  return {
    head: handlers.onOpen,
    data(chunk) {
      try {
        for (const { data } of reader.push(chunk)) {
          const message = data === undefined ? undefined : readServerMessage(data)?.message;
          if (message === undefined) continue;
          if (isRequest(message)) handlers.reply(answerOnBehalfOfNobody(message));
          else if ('method' in message) handlers.onNotification(message);
        }
      } catch (error) {
        handlers.stop();
        handlers.onEnd(error as Error);
      }
      return true;
    },
    end: () => handlers.onEnd(undefined),
    fail: handlers.onEnd,
  };
}
