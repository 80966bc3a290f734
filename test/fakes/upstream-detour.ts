import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

// biome-ignore lint/suspicious/noExplicitAny: a fake takes whatever it is sent
type Any = any;

/** An upstream in front of another: it answers some requests in ways of its own, and hands on the rest. */
export interface Detour {
  readonly url: string;
  close(): Promise<void>;
}

/** @param answer writes the answer and returns true, or returns false to have the request handed on. `message` is its body. */
export async function startDetour(
  target: string,
  answer: (message: Any, res: ServerResponse, req: IncomingMessage) => boolean | Promise<boolean>,
): Promise<Detour> {
  const sockets = new Set<Socket>();
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const message = body.length === 0 ? undefined : JSON.parse(body.toString());
    if (await answer(message, res, req)) return;
    const { host: _, ...headers } = req.headers;
    const onward = request(target, { method: req.method, headers }, (reply) => {
      res.writeHead(reply.statusCode!, reply.headers);
      res.flushHeaders();
      reply.pipe(res);
      res.on('close', () => reply.destroy());
    });
    onward.on('error', () => res.destroy());
    res.on('close', () => onward.destroy());
    onward.end(body);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
}

/** Writes what `next` gives for as long as the other side takes it; resolves when it is all gone or nobody is there. */
export async function pump(
  res: ServerResponse,
  next: () => string | undefined,
  onWritten: (bytes: number) => void,
): Promise<void> {
  res.setMaxListeners(0);
  for (let piece = next(); piece !== undefined && !res.destroyed; piece = next()) {
    onWritten(piece.length);
    if (!res.write(piece)) {
      await new Promise<void>((resolve) => {
        res.once('drain', resolve);
        res.once('close', resolve);
      });
    }
  }
}
