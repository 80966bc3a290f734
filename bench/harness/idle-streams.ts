import { ClientSocket } from './client-socket.ts';
import { nextRequest, type RequestTemplate } from './request-bytes.ts';

export interface IdleStreams {
  readonly port: number;
  readonly count: number;
  /** Sent first; the session id in its answer goes into `stream` (revisions with sessions). */
  readonly initialize?: RequestTemplate;
  /** The request whose answer stays open, up to and without its closing blank line when there is a session. */
  readonly stream: RequestTemplate;
}

const AT_A_TIME = 50;

/** Opens streams that nothing is said on. Rejects when one is refused. */
export async function openIdleStreams({ port, count, initialize, stream }: IdleStreams): Promise<ClientSocket[]> {
  const opened: ClientSocket[] = [];
  const open = async (): Promise<void> => {
    const socket = await ClientSocket.open(port);
    opened.push(socket);
    let bytes = Buffer.from(stream.bytes);
    if (initialize === undefined) nextRequest(stream, bytes);
    else
      bytes = Buffer.concat([bytes, Buffer.from(`mcp-session-id: ${await startSession(socket, initialize)}\r\n\r\n`)]);
    const status = await socket.openStream(bytes);
    if (status !== 200) throw new Error(`a stream was answered with ${status}`);
  };
  while (opened.length < count) {
    await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count - opened.length) }, open));
  }
  return opened;
}

async function startSession(socket: ClientSocket, initialize: RequestTemplate): Promise<string> {
  const bytes = Buffer.from(initialize.bytes);
  const id = nextRequest(initialize, bytes);
  const status = await new Promise<number>((resolve) => socket.exchange(bytes, id, resolve));
  const session = /\r\nmcp-session-id: *(\S+)\r/i.exec(socket.head)?.[1];
  if (session === undefined) throw new Error(`initialize was answered with ${status} and no session`);
  return session;
}
