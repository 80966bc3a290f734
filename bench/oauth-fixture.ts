/**
 * A provider that rotates refresh tokens, and the metadata of an upstream that names it: as little work per request as can
 * be. Whoever uses a refresh token twice loses the grant, as at a strict provider.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveCommands } from './harness/commands.ts';

const LIFETIME_SECONDS = 3600;
const DISCOVERY = '/.well-known/oauth-authorization-server';
const RESOURCE = '/.well-known/oauth-protected-resource/mcp';

/** By the number of the grant: what its next refresh token is called, and how often it was refreshed. */
const generations: number[] = [];
const refreshes: number[] = [];
let invalidGrants = 0;
let firstAtMs = 0;
let lastAtMs = 0;

const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const refreshTokenOf = (grant: number): string => `rt.${grant}.${generations[grant]}`;
const accessTokenOf = (grant: number): string => `at.${grant}.${generations[grant]}.${'x'.repeat(200)}`;

function newGrant(): number {
  refreshes.push(0);
  return generations.push(0) - 1;
}

function send(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, ...headers });
  response.end(bytes);
}

const tokensOf = (grant: number) => ({
  access_token: accessTokenOf(grant),
  token_type: 'Bearer',
  expires_in: LIFETIME_SECONDS,
  refresh_token: refreshTokenOf(grant),
  scope: 'mcp:read',
});

function answerToken(params: URLSearchParams, response: ServerResponse): void {
  if (params.get('grant_type') === 'authorization_code') {
    send(response, 200, tokensOf(newGrant()));
    return;
  }
  const [, grant = -1, generation = -1] = (params.get('refresh_token') ?? '').split('.').map(Number);
  if (generations[grant] !== generation) {
    invalidGrants++;
    if (grant in generations) generations[grant] = Number.NaN;
    send(response, 400, { error: 'invalid_grant' });
    return;
  }
  generations[grant]++;
  refreshes[grant]!++;
  lastAtMs = performance.now();
  if (firstAtMs === 0) firstAtMs = lastAtMs;
  send(response, 200, tokensOf(grant));
}

function describe(): object {
  const at = origin();
  return {
    issuer: at,
    authorization_endpoint: `${at}/authorize`,
    token_endpoint: `${at}/token`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    authorization_response_iss_parameter_supported: true,
  };
}

function handle(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url!, 'http://127.0.0.1');
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    switch (url.pathname) {
      case '/token':
        return answerToken(new URLSearchParams(Buffer.concat(chunks).toString()), response);
      case '/authorize': {
        const back = new URL(url.searchParams.get('redirect_uri')!);
        for (const [name, value] of [
          ['code', 'c'],
          ['state', url.searchParams.get('state')!],
          ['iss', origin()],
        ] as const) {
          back.searchParams.set(name, value);
        }
        return void response.writeHead(302, { location: back.href }).end();
      }
      case DISCOVERY:
        return send(response, 200, describe());
      case RESOURCE:
        return send(response, 200, { resource: `${origin()}/mcp`, authorization_servers: [origin()] });
      case '/mcp':
        return send(response, 401, {}, { 'www-authenticate': `Bearer resource_metadata="${origin()}${RESOURCE}"` });
      default:
        return send(response, 404, {});
    }
  });
}

const server = createServer({ keepAliveTimeout: 5_000 }, handle);
await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));

/** What the provider saw since the last time it was asked. */
export interface ProviderCount {
  readonly refreshed: number;
  /** Most refreshes of one grant. */
  readonly mostOfOne: number;
  readonly invalidGrants: number;
  /** From the first answered refresh to the last. */
  readonly spanMs: number;
}

const commands = {
  origin,
  /** Refresh tokens of so many new grants. */
  grants: (count: number): string[] => Array.from({ length: count }, () => refreshTokenOf(newGrant())),
  count(): ProviderCount {
    const result = {
      refreshed: refreshes.filter((times) => times > 0).length,
      mostOfOne: refreshes.reduce((most, times) => Math.max(most, times), 0),
      invalidGrants,
      spanMs: lastAtMs - firstAtMs,
    };
    refreshes.fill(0);
    invalidGrants = 0;
    firstAtMs = 0;
    return result;
  },
};

export type OauthFixtureCommands = typeof commands;

serveCommands(commands);
