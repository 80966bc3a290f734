import type { Config } from '../config/config.ts';
import type { Logger } from '../http/logger.ts';
import { asFetch, type Reach } from '../lib/safe-fetch.ts';
import type { Upstream, UpstreamOauth } from '../model/upstream.ts';
import type { SigningKeys } from '../tokens/signing-keys.ts';
import { createClientSecrets } from '../upstreams/client-secrets.ts';
import { type Connections, createConnections } from '../upstreams/oauth/connections.ts';
import type { ConnectionChange, ConnectionsOptions } from '../upstreams/oauth/connections-context.ts';
import { createGatewayAssertions } from '../upstreams/oauth/grants/gateway-assertions.ts';
import { createMachineTokens, type MachineTokens } from '../upstreams/oauth/grants/machine-tokens.ts';
import type { IdentityProviders } from '../upstreams/oauth/grants/obtain-token.ts';
import { isConnectable } from '../upstreams/oauth/require-oauth-upstream.ts';
import type { FindProvider } from '../upstreams/test-upstream.ts';
import { loadOwnSecret } from '../vault/own-secrets.ts';
import { SHARED } from '../vault/vault.ts';
import type { State } from './open-state.ts';

export interface UpstreamTokensOptions {
  readonly state: State;
  readonly config: () => Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** Null where signing in is switched off: then the gateway vouches for nobody. */
  readonly signingKeys: SigningKeys | null;
  /** As it is declared now. */
  readonly upstream: (name: string) => Upstream | undefined;
  /** Where people sign in. It is there before the first call. */
  readonly identity: () => IdentityProviders;
  readonly onConnectionChange: (change: ConnectionChange) => void;
}

/** The tokens that the gateway itself gets at other people's authorization servers. */
export interface UpstreamTokens {
  readonly connections: Connections;
  readonly machine: MachineTokens;
  readonly findProvider: FindProvider;
}

const REACHES: Readonly<Record<UpstreamOauth['reach'], Reach>> = {
  public: 'public',
  internal: 'internal',
  loopback: 'loopback-too',
};
/** A token endpoint may ask other systems first. */
const PROVIDER_TIMEOUT_MS = 10_000;

const fetches = {
  public: asFetch({ reach: REACHES.public, timeoutMs: PROVIDER_TIMEOUT_MS }),
  internal: asFetch({ reach: REACHES.internal, timeoutMs: PROVIDER_TIMEOUT_MS }),
  loopback: asFetch({ reach: REACHES.loopback, timeoutMs: PROVIDER_TIMEOUT_MS }),
};

export async function openUpstreamTokens(options: UpstreamTokensOptions): Promise<UpstreamTokens> {
  const { state, config, env, log, signingKeys, upstream } = options;
  const { db, vault, audit } = state;
  const publicUrl = (): string => config().publicUrl;

  const context: ConnectionsOptions = {
    ...{ db, vault, audit, log, publicUrl, upstream },
    secretOf: createClientSecrets({ vault, env, templates: (name) => config().upstreamSecrets.get(name) }),
    linkKey: await loadOwnSecret(vault, 'connect-link-key'),
    fetchFor: (reach) => fetches[reach],
    onChange: options.onConnectionChange,
  };
  const connections = createConnections(context);
  const machine = createMachineTokens({
    connections: context,
    assertions:
      signingKeys === null ? null : createGatewayAssertions(() => publicUrl() + config().oauth.issuerPath, signingKeys),
    identity: {
      idTokenOf: (provider, userId) => options.identity().idTokenOf(provider, userId),
      idJag: (provider, request) => options.identity().idJag(provider, request),
    },
    signInUrl: (provider) => `${publicUrl()}/sign-in/${provider}`,
  });
  return {
    connections,
    machine,
    async findProvider(upstream) {
      if (!isConnectable(upstream)) {
        const issuer = await machine.issuerOf(upstream);
        return `Tokens come from ${issuer}; the gateway's client there is ${CLIENT_SOURCES.configured}.`;
      }
      const { issuer, clientSource } = await connections.plan(upstream.name, SHARED);
      return `People sign in at ${issuer}; the gateway's client there is ${CLIENT_SOURCES[clientSource]}.`;
    },
  };
}

const CLIENT_SOURCES = {
  configured: 'the configured one',
  'metadata-document': 'its metadata document',
  dynamic: 'one that it registered itself',
} as const;
