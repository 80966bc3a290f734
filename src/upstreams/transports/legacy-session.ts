import { AppError } from '../../errors/app-error.ts';
import type { Revision } from '../../model/catalogue.ts';
import type { Credential } from '../upstream-connection.ts';
import type { UpstreamContext } from '../upstream-context.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { type Handshake, INITIALIZED, initialize } from './detect-era.ts';
import type { HttpEndpoint } from './http.ts';
import { createHeaderPrefix, createStreamPrefix, type HeaderPrefix } from './http-headers.ts';

/** One session on a legacy HTTP server, as `initialize` opened it. */
export interface LegacySession {
  /** Undefined for a server without sessions. */
  readonly id: string | undefined;
  readonly handshake: Handshake;
  /** Headers of posts and of GET streams. */
  readonly prefix: HeaderPrefix;
  readonly streamPrefix: HeaderPrefix;
}

export interface LegacySessionOptions extends ConnectionOptions {
  readonly nextId: () => number;
  /** The revision to ask for. */
  readonly initializeWith: Revision;
}

/** A session id stands for state on the server: visible ASCII only (2025-11-25, "Session Management"). */
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/;

/** `initialize`, then `notifications/initialized`. Rejects with AppError. */
export async function openLegacySession(
  context: UpstreamContext,
  endpoint: HttpEndpoint,
  options: LegacySessionOptions,
  credential: Credential,
): Promise<LegacySession> {
  const upstream = context.upstream.name;
  const first = createHeaderPrefix(undefined, undefined);
  let id: string | undefined;
  const handshake = await initialize(
    {
      upstream,
      nextId: options.nextId,
      identity: options.identity,
      credential,
      exchange: ({ body, spans, timeoutMs }, sink) => {
        const onHead = (status: number, headers: { 'mcp-session-id'?: string | string[] | undefined }): void => {
          const given = headers['mcp-session-id'];
          if (status === 200 && given !== undefined) id = String(given);
        };
        const headers = first.of(credential);
        const call = {
          body,
          spans,
          headers,
          credential,
          repeatable: true,
          listen: false,
          timeoutMs,
          hooks: { onHead },
        };
        return endpoint.post(call, sink);
      },
    },
    options.initializeWith,
  );
  if (id !== undefined && !SESSION_ID.test(id)) {
    throw new AppError('upstream_invalid', `"${upstream}" gave a session id that is not visible ASCII.`);
  }
  const prefix = createHeaderPrefix(handshake.revision, id);
  await endpoint.notify(INITIALIZED, prefix.of(credential), credential);
  return { id, handshake, prefix, streamPrefix: createStreamPrefix(handshake.revision, id) };
}
