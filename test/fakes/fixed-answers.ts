import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FixedAnswer {
  readonly status?: number;
  /** JSON, or text as it is. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** A server of fixed answers, by path; everything else is 404. */
export async function serveFixed(routes: (origin: string) => Record<string, FixedAnswer | undefined>) {
  const requests: string[] = [];
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    seen.push(request.headers);
    const answer = routes(origin)[request.url!];
    response.writeHead(answer?.status ?? (answer === undefined ? 404 : 200), {
      'content-type': 'application/json',
      ...answer?.headers,
    });
    response.end(typeof answer?.body === 'string' ? answer.body : JSON.stringify(answer?.body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, requests, seen, [Symbol.asyncDispose]: async () => void server.close() };
}
