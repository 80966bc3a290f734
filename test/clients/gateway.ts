import { startToolgate } from '../harness.ts';

export interface GatewayOptions {
  /** The MCP endpoint of the fixture that stands behind the gateway. */
  readonly upstreamUrl: string;
  readonly auth: 'none' | 'keys';
  /** What the gateway sends to the upstream as `Authorization`, in place of what the client sent. */
  readonly upstreamAuthorization?: string;
  /** Tools which the key must not reach. */
  readonly deniedTools?: readonly string[];
}

export interface Gateway {
  /** The endpoint of the one upstream, where its names are untouched. */
  readonly url: string;
  /** What a client has to send; empty without authentication. */
  readonly headers: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const UPSTREAM = 'fixture';

/** A gateway with one upstream, of which everything is allowed but the denied tools. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { auth, upstreamUrl, upstreamAuthorization, deniedTools = [] } = options;
  const credential =
    upstreamAuthorization === undefined ? 'none' : { headers: { authorization: upstreamAuthorization } };
  const toolgate = await startToolgate({
    config: { auth, upstreams: [{ name: UPSTREAM, url: upstreamUrl, auth: credential }] },
    access: {
      allow: [{ upstream: UPSTREAM }],
      deny: deniedTools.length === 0 ? [] : [{ upstream: UPSTREAM, tools: deniedTools }],
    },
  });
  return {
    url: `${toolgate.url}/mcp/${UPSTREAM}`,
    headers: auth === 'keys' ? { authorization: `Bearer ${toolgate.serviceKey}` } : {},
    close: toolgate.close,
  };
}
