/** Where an upstream was declared. What stands in the configuration file cannot be changed over the API. */
export type UpstreamSource = 'file' | 'api';

interface UpstreamBase {
  /** `[a-z0-9-]{1,32}`; unique; the prefix of its tools on `/mcp`. */
  readonly name: string;
  readonly source: UpstreamSource;
  readonly enabled: boolean;
  /** Milliseconds until a call without any sign of life from the upstream is given up. */
  readonly timeoutMs: number;
  /** Calls under way at once; more are refused (bulkhead). */
  readonly maxConcurrent: number;
  /** Lower-case names of caller headers that may pass. Every other header of the caller is dropped. */
  readonly forwardHeaders: readonly string[];
  readonly audit: { readonly response: 'hash' | 'content'; readonly redact: readonly string[] };
  readonly auth: UpstreamAuth;
}

/**
 * `headers`: one shared set, `headers-per-user`: one per principal. The values are in the vault; only names stand here.
 */
export type UpstreamAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'headers'; readonly names: readonly string[] }
  | { readonly kind: 'headers-per-user'; readonly names: readonly string[] };

/** Streamable HTTP, of either era. `sse` is the deprecated HTTP+SSE transport of 2024-11-05. */
export interface HttpUpstream extends UpstreamBase {
  readonly transport: 'http' | 'sse';
  readonly url: string;
}

export interface StdioUpstream extends UpstreamBase {
  readonly transport: 'stdio';
  /** argv; run without a shell. */
  readonly command: readonly [string, ...string[]];
  /** May refer to `${env:NAME}` and `${vault:NAME}`; nothing else of the gateway's environment is passed on. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  /** `shared`: one process for everybody. `session`: one for each client session, which may then ask the client back. */
  readonly isolation: 'shared' | 'session';
}

export type Upstream = HttpUpstream | StdioUpstream;
