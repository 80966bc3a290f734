import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What happens to every connection through the proxy, also to those that are open already:
 * `pass` nothing; `hang` requests arrive, and no byte of an answer comes back; `reset` both sides get a TCP reset as soon
 * as something is sent; `midway` the first bytes of an answer come through, then a reset; `slow` answers come byte by
 * byte; `half-open` nothing arrives in either direction and nobody is told, as when a cable is pulled; `close` the answer
 * is replaced by an orderly end of the connection.
 */
export type FaultMode = 'pass' | 'hang' | 'reset' | 'midway' | 'slow' | 'half-open' | 'close';

export interface FaultProxy {
  /** The upstream's URL, through the proxy. */
  readonly url: string;
  mode: FaultMode;
  /** Accepted so far. */
  readonly connections: number;
  close(): Promise<void>;
}

const MIDWAY_BYTES = 40;
const SLOW_MS = 1;

/** A TCP proxy in front of an upstream that breaks in the ways in which networks do. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { port, pathname } = new URL(target);
  const sockets = new Set<Socket>();
  let connections = 0;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    return socket;
  };
  const state = { mode: 'pass' as FaultMode };

  const answer = (client: Socket, upstream: Socket, chunk: Buffer): void => {
    switch (state.mode) {
      case 'pass':
        client.write(chunk);
        return;
      case 'midway':
        client.write(chunk.subarray(0, MIDWAY_BYTES), () => client.resetAndDestroy());
        return;
      case 'slow':
        dribble(client, chunk);
        return;
      case 'close':
        client.end();
        upstream.destroy();
        return;
      case 'reset':
        client.resetAndDestroy();
        return;
      // A request that was sent before: its answer is lost.
      case 'hang':
      case 'half-open':
        return;
    }
  };

  const server = createServer((accepted) => {
    connections++;
    const client = keep(accepted);
    const upstream = keep(connect(Number(port), '127.0.0.1'));
    client.on('data', (chunk) => {
      if (state.mode === 'reset') {
        client.resetAndDestroy();
        upstream.resetAndDestroy();
      } else if (state.mode !== 'half-open') upstream.write(chunk);
    });
    upstream.on('data', (chunk) => answer(client, upstream, chunk as Buffer));
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => {
      if (state.mode === 'pass' || state.mode === 'slow') client.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`,
    get connections() {
      return connections;
    },
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  });
}

/** One byte at a time, in the order in which it was given bytes. */
function dribble(socket: Socket, chunk: Buffer): void {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || at === chunk.length) clearInterval(timer);
    else socket.write(chunk.subarray(at, ++at));
  }, SLOW_MS);
}
