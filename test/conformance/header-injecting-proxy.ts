import { createServer, request as forward, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Stands before a server for clients that cannot send a credential: adds `headers` to every request and passes all else
 * through. Its own address is replaced by the server's in Host and Origin; a foreign one is left, to be refused there.
 */
export async function startHeaderInjectingProxy(target: string, headers: Readonly<Record<string, string>>) {
  const { origin, host, hostname, port, pathname } = new URL(target);
  const proxy = createServer((incoming, outgoing) => {
    const upstream = forward(
      { hostname, port, path: pathname, method: incoming.method, headers: translate(incoming.headers) },
      (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers);
        outgoing.flushHeaders();
        answer.pipe(outgoing);
        answer.on('error', () => outgoing.destroy());
      },
    );
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const own = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;

  function translate(given: IncomingHttpHeaders): IncomingHttpHeaders {
    const sent: IncomingHttpHeaders = { ...given, ...headers };
    if (given.host === own) sent.host = host;
    if (given.origin === `http://${own}`) sent.origin = origin;
    return sent;
  }

  return {
    url: `http://${own}${pathname}`,
    async close(): Promise<void> {
      const closed = new Promise((resolve) => proxy.close(resolve));
      proxy.closeAllConnections();
      await closed;
    },
  };
}
