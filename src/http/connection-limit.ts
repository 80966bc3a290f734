import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Refuses connections of an address that already has `perAddress` open, so that one client cannot take them all
 * (Slowloris). Behind a reverse proxy all connections come from the proxy: `isProxy` addresses are not limited.
 */
export function limitConnections(server: Server, perAddress: number, isProxy: (address: string) => boolean): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    if (isProxy(address)) return;
    const count = (open.get(address) ?? 0) + 1;
    if (count > perAddress) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = open.get(address)! - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}
