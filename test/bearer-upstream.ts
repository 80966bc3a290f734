/** What an access token says, once it is known to be good. */
export interface BearerToken {
  readonly account: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

export interface BearerUpstreamOptions {
  /** Of the provider, as it publishes it (RFC 8414). */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Looks at a token that came for this resource. Null: it is no good. */
  readonly verify: (token: string, resource: string) => Promise<BearerToken | null>;
  /** Every request needs these; `mcp:read` by default. */
  readonly requiredScopes?: readonly string[];
  /** The tool `write` needs this one as well; `mcp:write` by default. */
  readonly writeScope?: string;
  /** What the resource metadata lists; the required ones by default. */
  readonly scopesSupported?: readonly string[];
}

/**
 * An MCP server that an official SDK guards: its bearer middleware, its resource metadata, its transport. It has the tools
 * `whoami`, which says whose token came with the call, and `write`, which needs a scope of its own.
 */
export interface BearerUpstream {
  /** The MCP endpoint, and its name as a resource. */
  readonly url: string;
  /** Accounts of the calls that came through, in order. */
  readonly accounts: string[];
  /** Every access token that the SDK found good. */
  readonly tokens: ReadonlySet<string>;
  /** How often the middleware answered so: 401 and 403. */
  readonly refusals: Readonly<Record<number, number>>;
  close(): Promise<void>;
}

/** The line of the official SDK that the server is built with: sessions (v1), or 2026-07-28 without them (v2). */
export type SdkLine = 'v1' | 'v2';

/** Needs `npm ci --prefix test/clients`: the SDKs, and their types, are not among the dependencies of the gateway. */
export async function startBearerUpstream(sdk: SdkLine, options: BearerUpstreamOptions): Promise<BearerUpstream> {
  const { start } = await import(`./clients/bearer-upstream-${sdk}.ts`);
  return start(options);
}
