import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** Hands out opaque tokens in front of an authorization server that has only JWTs, as API gateways do. */
export interface ReferenceTokens {
  /** The introspection endpoint for them. */
  readonly endpoint: string;
  /** An opaque token that stands for this one. */
  referenceTo(token: string): string;
  close(): Promise<void>;
}

/**
 * Keycloak has no opaque tokens of its own. The front swaps the reference for the token that it stands for and asks
 * Keycloak's introspection endpoint with the credentials of whoever asks: what is answered is Keycloak's own answer.
 */
export async function startReferenceTokens(introspectionEndpoint: string): Promise<ReferenceTokens> {
  const tokens = new Map<string, string>();
  const server = createServer(async (request, response) => {
    const form = new URLSearchParams(await text(request));
    form.set('token', tokens.get(form.get('token') ?? '') ?? 'unknown');
    const headers = { authorization: request.headers.authorization ?? '' };
    const answer = await fetch(introspectionEndpoint, { method: 'POST', headers, body: form }).catch(() => null);
    response.writeHead(answer?.status ?? 502, { 'content-type': 'application/json' });
    response.end(answer === null ? '{}' : await answer.text());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/introspect`,
    referenceTo(token) {
      const reference = randomBytes(24).toString('base64url');
      tokens.set(reference, token);
      return reference;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
