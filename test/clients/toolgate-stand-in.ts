import { createServer, request as forward, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { GatewayConfig } from './gateway.ts';

const KEY = 'stand-in-key';

/** Serves one upstream as the gateway would: checks the key, replaces the credential, refuses the denied tools. */
export async function startToolgate({ config }: { config: GatewayConfig }) {
  const { url, auth } = config.upstreams[0]!;
  const denied = config.roles[0]?.deny.flatMap((rule) => rule.tools) ?? [];
  const server = createServer(async (incoming, outgoing) => {
    if (config.auth === 'keys' && incoming.headers.authorization !== `Bearer ${KEY}`) {
      return void outgoing.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
    }
    const body = await read(incoming);
    const called = body.length > 0 ? JSON.parse(body.toString()) : {};
    if (called.method === 'tools/call' && denied.includes(called.params.name)) {
      const error = { code: -32602, message: `Unknown tool: ${called.params.name}` };
      outgoing.writeHead(200, { 'content-type': 'application/json' });
      return void outgoing.end(JSON.stringify({ jsonrpc: '2.0', id: called.id, error }));
    }
    const headers: IncomingHttpHeaders = { ...incoming.headers };
    delete headers.authorization;
    if (auth !== 'none') Object.assign(headers, auth.headers);
    const call = forward(url, { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers).flushHeaders();
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    call.on('error', () => outgoing.destroy());
    outgoing.on('close', () => call.destroy());
    call.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    adminKey: KEY,
    serviceKey: KEY,
    async close(): Promise<void> {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function read(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}
