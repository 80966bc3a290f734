/**
 * The baseline: what any gateway in Node has to do, and nothing else. node:http in front, undici's dispatch behind, the
 * same bytes both ways. `/filter/…` reads the answer as a tools list and leaves out what is not allowed, as a gateway
 * does that keeps no lists of its own.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Dispatcher, Pool } from 'undici';
import { serveCommands } from './harness/commands.ts';
import { isAllowedName } from './harness/fixture-tools.ts';

const { upstreamPort } = JSON.parse(process.argv[2]!) as { upstreamPort: number };

const KEEP_ALIVE_MS = 120_000;
const NOT_FORWARDED = new Set([
  'host',
  'connection',
  'content-length',
  'authorization',
  'transfer-encoding',
  'keep-alive',
]);
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, {
  connections: 4_500,
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
  keepAliveTimeout: KEEP_ALIVE_MS,
});

interface Answer {
  data(chunk: Buffer): boolean;
  end(): void;
}
type StartAnswer = (res: ServerResponse, status: number, contentType: string) => Answer;

/** Bytes as they come; an answer in one piece leaves in one write, with its length. */
const passThrough: StartAnswer = (res, status, contentType) => {
  let held: Buffer | undefined;
  const isStream = contentType === 'text/event-stream';
  if (isStream) res.writeHead(status, { 'content-type': contentType }).flushHeaders();
  return {
    data(chunk) {
      if (isStream || res.headersSent) return res.write(chunk);
      if (held === undefined) {
        held = chunk;
        return true;
      }
      res.writeHead(status, { 'content-type': contentType });
      res.write(held);
      held = undefined;
      return res.write(chunk);
    },
    end() {
      if (held !== undefined) res.writeHead(status, { 'content-type': contentType, 'content-length': held.length });
      res.end(held);
    },
  };
};

const filterTools: StartAnswer = (res, status, contentType) => {
  const chunks: Buffer[] = [];
  return {
    data: (chunk) => chunks.push(chunk) > 0,
    end() {
      const message = JSON.parse(Buffer.concat(chunks).toString());
      message.result.tools = message.result.tools.filter((tool: { name: string }) => isAllowedName(tool.name));
      const body = Buffer.from(JSON.stringify(message));
      res.writeHead(status, { 'content-type': contentType, 'content-length': body.length });
      res.end(body);
    },
  };
};

/** Undici's handler and back-pressure for one call. */
class Hop implements Dispatcher.DispatchHandler {
  private readonly res: ServerResponse;
  private readonly start: StartAnswer;
  private answer: Answer | undefined;

  constructor(res: ServerResponse, start: StartAnswer) {
    this.res = res;
    this.start = start;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.res.on('close', () => {
      if (!this.res.writableEnded) controller.abort(new Error('The caller is gone.'));
    });
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.answer = this.start(this.res, status, String(headers['content-type']));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.answer!.data(chunk)) return;
    controller.pause();
    this.res.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.answer!.end();
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    if (this.res.headersSent) this.res.destroy();
    else this.res.writeHead(502).end(error.message);
  }
}

function forward(req: IncomingMessage, res: ServerResponse, body: Buffer): void {
  const headers: string[] = [];
  const { rawHeaders } = req;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!NOT_FORWARDED.has(rawHeaders[i]!.toLowerCase())) headers.push(rawHeaders[i]!, rawHeaders[i + 1]!);
  }
  const filters = req.url!.startsWith('/filter/');
  const path = filters ? req.url!.slice('/filter'.length) : req.url!;
  pool.dispatch({ path, method: 'POST', body, headers }, new Hop(res, filters ? filterTools : passThrough));
}

const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => forward(req, res, chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
});
await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));

const commands = {
  port: () => (server.address() as AddressInfo).port,
};

export type BareHopCommands = typeof commands;

serveCommands(commands);
