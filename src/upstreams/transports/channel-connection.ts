import type { AppError } from '../../errors/app-error.ts';
import { LATEST_LEGACY } from '../../mcp/revision.ts';
import { eraOf } from '../../model/catalogue.ts';
import type { SecretSearch } from '../secret-search.ts';
import type { UpstreamConnection } from '../upstream-connection.ts';
import type { UpstreamContext } from '../upstream-context.ts';
import type { Channel } from './channel.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { discover, type Handshake, type HandshakeContext, INITIALIZED, initialize } from './detect-era.ts';

/** A channel that is open, and how to end what it runs over. */
export interface OpenChannel {
  readonly channel: Channel;
  close(): Promise<void>;
  /** Resolves when the channel ends by itself or is closed. */
  readonly ended: Promise<AppError>;
}

/** Milliseconds after which a process that does not answer `server/discover` counts as legacy. */
const DISCOVER_TIMEOUT_MS = 3000;

/**
 * Shakes hands over a channel as the server's era wants it.
 * @param probe whether to find out the era first; without it the server is taken as legacy
 * @param secrets what the server was started with
 */
export async function shakeHands(
  context: UpstreamContext,
  channel: Channel,
  options: ConnectionOptions,
  probe: boolean,
  secrets?: SecretSearch | null,
): Promise<Handshake> {
  const handshakeContext: HandshakeContext = {
    upstream: context.upstream.name,
    exchange: (request, sink) => channel.exchange(request, sink),
    nextId: () => channel.nextId(),
    identity: options.identity,
    credential: options.credential,
    secrets,
  };
  let revision =
    options.revision !== undefined && eraOf(options.revision) === 'legacy' ? options.revision : LATEST_LEGACY;
  if (probe) {
    const discovery = await discover(handshakeContext, Math.min(DISCOVER_TIMEOUT_MS, context.limits.timeoutMs));
    context.eraFound =
      discovery.era === 'modern' ? 'It answers server/discover.' : `It is taken as legacy: ${discovery.why}.`;
    if (discovery.era === 'modern') return discovery.handshake;
    revision = discovery.revision;
  }
  const handshake = await initialize(handshakeContext, revision);
  await channel.send(INITIALIZED, options.credential);
  return handshake;
}

/** The connection over a channel whose handshake is done. */
export function createChannelConnection(
  context: UpstreamContext,
  { channel, close, ended }: OpenChannel,
  options: ConnectionOptions,
  handshake: Handshake,
): UpstreamConnection {
  let closing = false;
  return {
    upstream: context.upstream,
    ...handshake,
    shared: options.shared,
    exchange: (request, sink) => channel.exchange(request, sink),
    send: (message, credential) => channel.send(message, credential),
    listen: (sink) => channel.listen(sink),
    nextId: () => channel.nextId(),
    onClosed(listener) {
      ended.then((reason) => {
        if (!closing) listener(reason);
      });
    },
    close() {
      closing = true;
      return close();
    },
  };
}
