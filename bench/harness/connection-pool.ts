import { ClientSocket } from './client-socket.ts';

export type ConnectionPool = ReturnType<typeof createConnectionPool>;

/** Open connections to the servers of the bench, kept between runs so that no run pays for opening them. */
export function createConnectionPool() {
  const idle = new Map<number, ClientSocket[]>();
  return {
    /** That many open connections; those that are missing are opened. */
    async take(port: number, count: number): Promise<ClientSocket[]> {
      const usable = (idle.get(port) ?? []).filter((socket) => !socket.broken);
      const taken = usable.splice(0, count);
      idle.set(port, usable);
      while (taken.length < count) {
        const missing = Math.min(100, count - taken.length);
        taken.push(...(await Promise.all(Array.from({ length: missing }, () => ClientSocket.open(port)))));
      }
      return taken;
    },
    give(port: number, sockets: readonly ClientSocket[]): void {
      idle.set(port, [...(idle.get(port) ?? []), ...sockets.filter((socket) => !socket.broken)]);
    },
    /** Closes the idle connections to a server. */
    close(port: number): void {
      for (const socket of idle.get(port) ?? []) socket.destroy();
      idle.delete(port);
    },
  };
}
