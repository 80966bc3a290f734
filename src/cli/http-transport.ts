import { isLoopbackHost } from '../lib/loopback.ts';
import type { Secret } from '../lib/secret.ts';
import type { AdminTransport } from './admin-client.ts';
import { CliError } from './cli-error.ts';

/** The admin API of a running gateway. */
export function createHttpTransport(origin: string, key: Secret): AdminTransport {
  return {
    place: origin,
    gatewayUrl: origin,
    offline: false,
    async exchange({ method, target, headers, body }) {
      let response: Response;
      try {
        response = await fetch(`${origin}${target}`, {
          method,
          headers: { ...headers, authorization: `Bearer ${key.reveal()}` },
          // The key is for this address alone.
          redirect: 'error',
          ...(body !== undefined && { body }),
        });
      } catch (cause) {
        throw new CliError(`The gateway at ${origin} does not answer: ${reasonOf(cause)}.`, { cause });
      }
      return { status: response.status, headers: response.headers, body: bodyOf(response, origin) };
    },
    close: async () => {},
  };
}

async function* bodyOf({ body }: Response, origin: string): AsyncGenerator<Uint8Array> {
  try {
    yield* body ?? [];
  } catch (cause) {
    throw new CliError(`The connection to ${origin} broke off; what came so far is incomplete.`, { cause });
  }
}

/** What is behind the `fetch failed` of Node. */
export function reasonOf(error: unknown): string {
  const cause = (error as Error).cause as (Error & { code?: string }) | undefined;
  const known: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'there is no such host',
    ECONNRESET: 'the connection was closed',
    UND_ERR_SOCKET: 'the connection was closed',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; name it in NODE_EXTRA_CA_CERTS',
  };
  return known[cause?.code ?? ''] ?? cause?.message ?? (error as Error).message;
}

/** The origin that an address given by a person stands for. Throws for what is no address of a gateway. */
export function readGatewayUrl(source: string, text: string): string {
  let url: URL;
  try {
    url = new URL(text.includes('://') ? text : `http://${text}`);
  } catch {
    throw new CliError(`${source} is not a URL such as https://mcp.example.com.`, { exitCode: 2 });
  }
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '') {
    throw new CliError(`${source} is not a URL such as https://mcp.example.com.`, { exitCode: 2 });
  }
  return url.origin;
}

/** Whether the key would be readable on the way there. */
export function isUnprotected(origin: string): boolean {
  const { protocol, hostname } = new URL(origin);
  return protocol === 'http:' && !isLoopbackHost(hostname);
}
