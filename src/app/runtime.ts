import type { Config } from '../config/config.ts';
import { diffConfig } from '../config/diff-config.ts';
import type { Logger } from '../http/logger.ts';
import { isOauth, type Upstream } from '../model/upstream.ts';
import { createDecisionTable, type DecisionTable } from '../policy/decision-table.ts';
import { createPolicyEngine, type PolicyEngine } from '../policy/policy-engine.ts';
import { createKeyVerifier, type KeyVerifier } from '../tokens/key-verifier.ts';
import type { SigningKeys } from '../tokens/signing-keys.ts';
import { isSamePlace } from '../upstreams/oauth/upstream-providers.ts';
import { type CredentialOwner, type Credentials, openCredentials } from '../upstreams/resolve-credential.ts';
import type { Credential } from '../upstreams/upstream-connection.ts';
import { createUpstreams, type Upstreams } from '../upstreams/upstreams.ts';
import { SHARED } from '../vault/vault.ts';
import { type DeclaredState, readDeclaredState } from './declared-state.ts';
import type { State } from './open-state.ts';
import { openUpstreamTokens, type UpstreamTokens, type UpstreamTokensOptions } from './upstream-tokens.ts';

/** What is in memory for deciding and forwarding, and how it follows what is declared. */
export interface Runtime {
  readonly keys: KeyVerifier;
  readonly engine: PolicyEngine;
  readonly policy: DecisionTable;
  readonly credentials: Credentials;
  readonly tokens: UpstreamTokens;
  /** The credential for a call; notes which agent used an account. */
  credentialFor(
    upstream: Upstream,
    owner: CredentialOwner | undefined,
    agentId?: string,
  ): Credential | Promise<Credential>;
  readonly upstreams: Upstreams;
  declared(): DeclaredState & { readonly policy: DecisionTable };
  /** Reads everything declared anew and applies it: roles first, so that no new upstream is open to an old role. */
  apply(config: Config): Promise<void>;
  /** Applies another configuration; returns the settings that wait for a restart. */
  reload(before: Config, after: Config): Promise<readonly string[]>;
}

export interface RuntimeOptions extends Pick<UpstreamTokensOptions, 'config' | 'identity' | 'onConnectionChange'> {
  readonly signingKeys: SigningKeys | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly log: Logger;
  readonly online: boolean;
}

export async function createRuntime(config: Config, state: State, options: RuntimeOptions): Promise<Runtime> {
  const { log } = options;
  let current = config;
  let declared = await readDeclaredState(state.db, config);
  let byName = named(declared);
  const engine = createPolicyEngine({
    roles: declared.roles,
    onFault: (error) => log.error({ err: error }, 'policy could not be evaluated; the call was denied'),
  });
  const policy = createDecisionTable(engine);
  const keys = createKeyVerifier({ db: state.db });
  const tokens = await openUpstreamTokens({
    ...options,
    state,
    upstream: (name) => byName.get(name),
  });
  const credentials = openCredentials({
    vault: state.vault,
    connections: tokens.connections,
    machine: tokens.machine,
    declared: (name) => byName.get(name),
    env: options.env,
    templates: (name) => current.upstreamHeaders.get(name),
  });
  const upstreams = createUpstreams({
    upstreams: options.online ? declared.upstreams : [],
    credentialOf: credentials.of,
    references: credentials.references,
    findProvider: tokens.findProvider,
    log,
    clientInfo: { name: 'toolgate', version: options.version },
  });

  /** @param changed upstreams that have other settings: what was got for them before is forgotten first */
  async function apply(next: Config, changed: readonly string[] = []): Promise<void> {
    const read = await readDeclaredState(state.db, next);
    engine.replace(read.roles);
    current = next;
    declared = read;
    const before = byName;
    byName = named(read);
    const isKept = ([name, was]: readonly [string, Upstream]): boolean => {
      const now = byName.get(name);
      return now !== undefined && isSamePlace(was, now);
    };
    const moved = [...before].filter((each) => !isKept(each)).map(([name]) => name);
    for (const name of new Set([...moved, ...changed])) {
      credentials.forget(name);
      tokens.machine.forget(name);
    }
    if (options.online) await upstreams.replace(read.upstreams);
  }

  return {
    keys,
    engine,
    policy,
    credentials,
    tokens,
    credentialFor(upstream, owner, agentId) {
      if (agentId !== undefined && isOauth(upstream.auth)) {
        tokens.connections.used(upstream.name, owner ?? SHARED, agentId);
      }
      return credentials.of(upstream, owner);
    },
    upstreams,
    declared: () => ({ ...declared, policy }),
    apply: (next) => apply(next),
    async reload(before, after) {
      const { restart, upstreams: diff } = diffConfig(before, after);
      await apply(after, [...diff.added, ...diff.changed, ...diff.removed]);
      return restart;
    },
  };
}

const named = ({ upstreams }: DeclaredState): ReadonlyMap<string, Upstream> =>
  new Map(upstreams.map((upstream) => [upstream.name, upstream]));
