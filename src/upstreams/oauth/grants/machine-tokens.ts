import { DEFAULT_TENANT } from '../../../model/principal.ts';
import { SHARED } from '../../../vault/vault.ts';
import type { ConnectionsContext, ConnectionsOptions } from '../connections-context.ts';
import { recordConnection } from '../record-connection.ts';
import { createUpstreamClients } from '../upstream-clients.ts';
import { createUpstreamProviders, type OauthUpstream } from '../upstream-providers.ts';
import { explainGrantFailure } from './explain-grant-failure.ts';
import type { GatewayAssertions } from './gateway-assertions.ts';
import { createKeptTokens, type KeptTokens } from './kept-tokens.ts';
import { createObtainToken, type IdentityProviders } from './obtain-token.ts';

export interface MachineTokensOptions {
  /** What the connections of accounts work with, too. */
  readonly connections: ConnectionsOptions;
  /** Null: the gateway has no signing keys, because its authorization server is off. */
  readonly assertions: GatewayAssertions | null;
  readonly identity: IdentityProviders;
  /** Where a person signs in to the gateway with this identity provider. */
  readonly signInUrl: (provider: string) => string;
}

export interface MachineTokens extends KeptTokens {
  /** Who issues tokens for this upstream, before anybody needs one. Rejects with AppError. */
  issuerOf(upstream: OauthUpstream): Promise<string>;
}

/** Tokens that nobody has to sit at a browser for: `client-credentials` and `token-exchange`. */
export function createMachineTokens(options: MachineTokensOptions): MachineTokens {
  const { connections, assertions, identity, signInUrl } = options;
  const { now = Date.now, tenantId = DEFAULT_TENANT, log, fetchFor, cacheSize } = connections;
  const context: ConnectionsContext = { ...connections, now, tenantId };
  const providers = createUpstreamProviders(context);
  const clients = createUpstreamClients(context);
  const obtain = createObtainToken({ providers, clients, assertions, identity, fetchFor, signInUrl });
  const tokens = createKeptTokens({
    ...{ obtain, log, now, cacheSize },
    onEvent({ what, upstream, owner, issuer, scopes, reason }) {
      const action = ACTIONS[what];
      const details = issuer === null ? undefined : { issuer, scopes: [...scopes] };
      recordConnection(context, {
        ...{ action, upstream, owner, failed: what === 'failed', reason: reason ?? undefined },
        ...(details !== undefined && { details }),
      });
    },
  });
  // Another client secret: what was refused with the old one is tried again at once.
  connections.vault.onChange((ref) => {
    if (ref !== null && ref.tenantId === tenantId && CLIENT_ENTRIES.has(ref.name)) tokens.forget(ref.upstream);
  });
  return {
    ...tokens,
    async issuerOf(upstream) {
      try {
        const provider = await providers.of(upstream);
        await clients.of(upstream, provider);
        return provider.issuer;
      } catch (thrown) {
        throw explainGrantFailure(upstream.name, SHARED, thrown);
      }
    },
  };
}

const ACTIONS = { obtained: 'connection.connect', refreshed: 'connection.refresh', failed: 'connection.fail' } as const;

const CLIENT_ENTRIES: ReadonlySet<string> = new Set(['client-secret', 'client-key']);
