import { AsyncLocalStorage } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import type { FakeOauthProvider } from './oauth-provider.ts';
import type { FakeAccessToken } from './oauth-provider-grants.ts';
import { sendJson } from './oauth-provider-request.ts';
import { type FakeTool, text } from './upstream-behaviour.ts';
import type { FakeHttpUpstream, Received } from './upstream-http.ts';
import { startLegacyUpstream } from './upstream-legacy.ts';
import { startModernUpstream } from './upstream-modern.ts';

export interface OauthUpstreamOptions {
  /** 2025-11-25 with sessions by default. */
  readonly era?: 'legacy' | 'modern';
  /**
   * Where the protected resource metadata is told of: in the header of the 401, by default; only at its well-known place
   * below the path, or at the root; nowhere, as in 2025-03-26.
   */
  readonly metadata?: 'header' | 'path' | 'root' | 'none';
  /** What the challenge of a 401 asks for; by default nothing. */
  readonly challengeScopes?: readonly string[];
  /** `scopes_supported` of the metadata; by default `mcp:read`. Null: it says nothing. */
  readonly scopesSupported?: readonly string[] | null;
  /** What the tool `write` needs; `mcp:write` by default. */
  readonly writeScope?: string;
  /** Takes only tokens that were issued for its URL (RFC 8707); not by default, as some providers know no resources. */
  readonly audience?: boolean;
  /** Methods that need no token. */
  readonly open?: readonly string[];
}

export interface FakeOauthUpstream extends FakeHttpUpstream {
  /** Names of the authorization servers in the metadata; change it to move the upstream to another provider. */
  authorizationServers: string[];
  /** What the metadata says that it is the metadata of; the URL of the upstream by default. */
  resource: string;
  /** Whose tokens it takes. */
  provider: FakeOauthProvider;
  /** Accounts of the calls that came through, in order. */
  readonly accounts: string[];
  /** Every access token that it was shown, good or not. */
  readonly tokens: ReadonlySet<string>;
}

/** An MCP server that wants an access token of a provider for everything but its metadata. */
export async function startOauthUpstream(
  provider: FakeOauthProvider,
  options: OauthUpstreamOptions = {},
): Promise<FakeOauthUpstream> {
  const { era = 'legacy', metadata = 'header', writeScope = 'mcp:write', challengeScopes = [], open = [] } = options;
  const scopesSupported = options.scopesSupported === undefined ? ['mcp:read'] : options.scopesSupported;
  const caller = new AsyncLocalStorage<FakeAccessToken>();
  const accounts: string[] = [];
  const tokens = new Set<string>();
  const metadataPath = `/.well-known/oauth-protected-resource${metadata === 'root' ? '' : '/mcp'}`;

  const guard = (received: Received, res: ServerResponse): boolean => {
    if (received.method === 'GET' && !received.path.startsWith('/mcp')) {
      if (metadata === 'none' || received.path !== metadataPath) sendJson(res, 404, { error: 'not_found' });
      else sendJson(res, 200, describeResource());
      return true;
    }
    if (open.includes(received.message?.method)) return false;
    const presented = /^Bearer (.+)$/i.exec(received.headers.authorization ?? '')?.[1];
    if (presented !== undefined) tokens.add(presented);
    const token = presented === undefined ? undefined : upstream.provider.token(presented);
    if (token === undefined || (options.audience && !token.grant.resources.has(upstream.url))) {
      const error = presented === undefined ? undefined : 'invalid_token';
      refuse(res, 401, { error, scope: challengeScopes.join(' ') });
      return true;
    }
    const writes = received.message?.method === 'tools/call' && received.message.params?.name === 'write';
    if (writes && !token.scopes.includes(writeScope)) {
      refuse(res, 403, { error: 'insufficient_scope', scope: writeScope });
      return true;
    }
    if (received.message?.method === 'tools/call') accounts.push(token.grant.account);
    caller.enterWith(token);
    return false;
  };

  function describeResource(): object {
    return {
      resource: upstream.resource,
      authorization_servers: upstream.authorizationServers,
      ...(scopesSupported !== null && { scopes_supported: scopesSupported }),
      bearer_methods_supported: ['header'],
    };
  }

  function refuse(res: ServerResponse, status: number, { error, scope }: { error: string | undefined; scope: string }) {
    const parameters = Object.entries({
      error,
      scope: scope || undefined,
      resource_metadata: metadata === 'header' ? `${new URL(upstream.url).origin}${metadataPath}` : undefined,
    }).flatMap(([name, value]) => (value === undefined ? [] : [`${name}="${value}"`]));
    const header = `Bearer ${parameters.join(', ')}`.trim();
    sendJson(res, status, { error: error ?? 'unauthorized' }, { 'www-authenticate': header });
  }

  const start = era === 'modern' ? startModernUpstream : startLegacyUpstream;
  const fake = await start({ guard });
  const upstream: FakeOauthUpstream = Object.defineProperties(fake as FakeOauthUpstream, {
    authorizationServers: { value: [provider.issuer], writable: true },
    resource: { value: metadata === 'root' ? new URL(fake.url).origin : fake.url, writable: true },
    provider: { value: provider, writable: true },
    accounts: { value: accounts },
    tokens: { value: tokens },
  });
  upstream.behaviour.tools.unshift(...toolsFor(() => caller.getStore()?.grant.account ?? 'nobody'));
  return upstream;
}

const toolsFor = (account: () => string): FakeTool[] => [
  {
    definition: {
      name: 'whoami',
      description: 'Says whose token came with the call.',
      inputSchema: { type: 'object' },
      annotations: { readOnlyHint: true },
    },
    call: () => text(account()),
  },
  {
    definition: {
      name: 'add',
      inputSchema: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
      annotations: { readOnlyHint: true },
    },
    call: ({ a, b }) => text(String(Number(a) + Number(b))),
  },
  {
    definition: {
      name: 'write',
      description: 'Needs a scope of its own.',
      inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
    },
    call: (args) => text(`${account()} wrote ${String(args.text ?? '')}`),
  },
];
