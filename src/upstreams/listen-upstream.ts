import type { Logger } from 'pino';
import { AppError } from '../errors/app-error.ts';
import type { JsonRpcMessage } from '../mcp/message.ts';
import { isObject } from '../mcp/message.ts';
import { eraOf } from '../model/catalogue.ts';
import type { JsonObject } from '../model/json.ts';
import { type ClientIdentity, ownRequest } from './own-request.ts';
import { createServerMessageSink } from './server-messages.ts';
import { type Credential, type Exchange, LISTEN_METHOD, type UpstreamConnection } from './upstream-connection.ts';

export interface ListenOptions {
  /** The one of the moment: the stream outlives tokens. */
  readonly credential: () => Credential | Promise<Credential>;
  readonly identity: ClientIdentity;
  readonly log: Logger;
  readonly onMessage: (message: JsonRpcMessage) => void;
  /** The stream is open again after it was gone: what was said meanwhile is lost. */
  readonly onReopened: () => void;
}

const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;

/**
 * Keeps the standing stream of a shared connection open, in the way of its era, and opens it again when it ends. An
 * upstream that has no such stream is not asked again. Returns what stops it.
 */
export function listenUpstream(connection: UpstreamConnection, options: ListenOptions): () => void {
  let current: Exchange | null = null;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let retryMs = FIRST_RETRY_MS;
  let opened = 0;

  const again = (error: Error | undefined): void => {
    if (stopped || (error instanceof AppError && error.code === 'method_not_allowed')) return;
    options.log.debug({ err: error, retryMs }, 'the stream of server messages ended');
    timer = setTimeout(open, retryMs * (0.75 + Math.random() / 2)).unref();
    retryMs = Math.min(MAX_RETRY_MS, retryMs * 2);
  };

  const reply = async (answer: Buffer): Promise<void> => connection.send(answer, await options.credential());

  const open = async (): Promise<void> => {
    const sink = createServerMessageSink({
      onNotification(message) {
        retryMs = FIRST_RETRY_MS;
        options.onMessage(message);
      },
      reply: (answer) => {
        reply(answer).catch((error: unknown) => {
          options.log.debug({ err: error }, 'could not answer a request of the upstream');
        });
      },
      onOpen() {
        if (opened++ > 0) options.onReopened();
      },
      onEnd: again,
      stop: () => current?.abort(),
    });
    try {
      const credential = await options.credential();
      if (!stopped) current = start(connection, credential, options.identity, sink);
    } catch (error) {
      again(error as Error);
    }
  };

  void open();
  return () => {
    stopped = true;
    clearTimeout(timer);
    current?.abort();
  };
}

function start(
  connection: UpstreamConnection,
  credential: Credential,
  identity: ClientIdentity,
  sink: ReturnType<typeof createServerMessageSink>,
): Exchange | null {
  if (eraOf(connection.revision) === 'legacy') {
    return mayTalk(connection) ? connection.listen(sink, credential) : null;
  }
  const notifications = changesAnnounced(connection.capabilities);
  if (Object.keys(notifications).length === 0) return null;
  const request = ownRequest({
    id: connection.nextId(),
    method: LISTEN_METHOD,
    params: { notifications },
    credential,
    identity,
    revision: connection.revision,
  });
  return connection.exchange(request, sink);
}

/** Over HTTP a standing stream costs a socket, so it is opened only when the server says that it has something to say. */
function mayTalk({ upstream, capabilities }: UpstreamConnection): boolean {
  if (upstream.transport !== 'http' || capabilities.logging !== undefined) return true;
  if (isObject(capabilities.resources) && capabilities.resources.subscribe === true) return true;
  return Object.keys(changesAnnounced(capabilities)).length > 0;
}

function changesAnnounced(capabilities: JsonObject): JsonObject {
  const announces = (list: string): boolean => {
    const capability = capabilities[list];
    return isObject(capability) && capability.listChanged === true;
  };
  return {
    ...(announces('tools') && { toolsListChanged: true }),
    ...(announces('prompts') && { promptsListChanged: true }),
    ...(announces('resources') && { resourcesListChanged: true }),
  };
}
