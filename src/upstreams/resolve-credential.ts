import { fillTemplate, type ReferenceSources } from '../config/references.ts';
import { AppError } from '../errors/app-error.ts';
import { createLru } from '../lib/lru.ts';
import { Secret } from '../lib/secret.ts';
import { DEFAULT_TENANT, type PrincipalRef } from '../model/principal.ts';
import { isOauth, isPersonal, type Upstream, type UpstreamAuth } from '../model/upstream.ts';
import { SHARED, type Vault } from '../vault/vault.ts';
import { isSamePlace } from './oauth/upstream-providers.ts';
import { createRenewableCredentials, type TokenSource } from './renewable-credentials.ts';
import type { Credential } from './upstream-connection.ts';

/** Whose credential: a principal where everybody has their own (isPersonal), nobody in particular for a shared one. */
export type CredentialOwner = Pick<PrincipalRef, 'kind' | 'id'>;

export interface Credentials {
  /**
   * The credential that goes to this upstream for this owner; at once when it is in memory. The same object until a value
   * changes. Fails with `upstream_credential_missing` when a value is not there, and as TokenSource.of for tokens: no call
   * goes out half-authenticated.
   */
  of(upstream: Upstream, owner: CredentialOwner | undefined): Credential | Promise<Credential>;
  /** Where `${env:NAME}` and `${vault:NAME}` of this upstream lead. */
  references(upstream: string): ReferenceSources;
  /** Forgets what is in memory for this upstream; for changes of its configuration. */
  forget(upstream: string): void;
}

export interface CredentialsOptions {
  readonly vault: Pick<Vault, 'get' | 'onChange'>;
  /** Header values of upstreams in the configuration file, with references. Other values are in the vault by header name. */
  readonly templates?:
    | ((upstream: string) => readonly (readonly [name: string, value: Secret])[] | undefined)
    | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** As it is declared now. A call that began before it changed gets no credential, for all are kept by name. */
  readonly declared?: ((upstream: string) => Upstream | undefined) | undefined;
  /** The accounts of people and teams: `oauth-shared`, `oauth-per-user`. */
  readonly connections: TokenSource;
  /** What needs nobody at a browser: `client-credentials`, `token-exchange`. */
  readonly machine: TokenSource;
  /** Credentials kept in memory. */
  readonly cacheSize?: number;
  readonly tenantId?: string;
}

type HeaderAuth = Extract<UpstreamAuth, { readonly names: readonly string[] }>;

const PEOPLES: ReadonlySet<UpstreamAuth['kind']> = new Set(['oauth-shared', 'oauth-per-user']);

/** Upstreams without authentication. */
const NO_CREDENTIAL: Credential = { id: 'none', headers: [] };

export function openCredentials(options: CredentialsOptions): Credentials {
  const { vault, templates, env = process.env, tenantId = DEFAULT_TENANT } = options;
  const size = options.cacheSize ?? 10_000;
  const connections = createRenewableCredentials(options.connections, size);
  const machine = createRenewableCredentials(options.machine, size);
  const cache = createLru<string, Credential>(size);
  const flights = new Map<string, Promise<Credential>>();
  let generation = 0;

  vault.onChange((ref) => {
    if (ref === null) {
      cache.clear();
      flights.clear();
    } else if (ref.tenantId === tenantId) {
      forgetKey(`${ref.upstream}\n${ref.owner.kind === 'shared' ? '' : `${ref.owner.kind}:${ref.owner.id}`}`);
    }
  });

  function forgetKey(key: string): void {
    cache.delete(key);
    flights.delete(key);
  }

  function forget(upstream: string): void {
    const prefix = `${upstream}\n`;
    for (const key of [...flights.keys(), ...[...cache.entries()].map(([key]) => key)]) {
      if (key.startsWith(prefix)) forgetKey(key);
    }
  }

  const references = (upstream: string): ReferenceSources => ({
    env: (name) => env[name],
    vault: async (name) => (await vault.get({ tenantId, upstream, owner: SHARED, name }))?.reveal(),
  });

  const load = async (
    upstream: Upstream,
    auth: HeaderAuth,
    owner: CredentialOwner | undefined,
  ): Promise<Credential> => {
    const { name } = upstream;
    const personal = isPersonal(auth);
    if (personal && owner === undefined) throw missing(upstream, auth.names[0]!, false);
    const configured = personal ? undefined : templates?.(name);
    const headers = await Promise.all(
      auth.names.map(async (header): Promise<readonly [string, Secret]> => {
        const template = configured?.find(([known]) => known.toLowerCase() === header.toLowerCase());
        const value =
          template !== undefined
            ? await fill(upstream, template[1], references(name))
            : await vault.get({ tenantId, upstream: name, owner: personal ? owner! : SHARED, name: header });
        if (value === null) throw missing(upstream, header, personal);
        return [header, value];
      }),
    );
    return { id: `${personal ? `${owner!.kind}:${owner!.id}` : 'shared'}:${++generation}`, headers };
  };

  return {
    of(upstream, owner) {
      const { auth } = upstream;
      if (auth.kind === 'none') return NO_CREDENTIAL;
      if (isOauth(auth)) {
        if (owner === undefined && isPersonal(auth)) return Promise.reject(needsOwner(upstream));
        return (PEOPLES.has(auth.kind) ? connections : machine).of(upstream, owner);
      }
      const now = options.declared?.(upstream.name);
      if (now !== undefined && !isSamePlace(now, upstream)) return Promise.reject(changedMeanwhile(upstream));
      const who = auth.kind === 'headers-per-user' && owner !== undefined ? `${owner.kind}:${owner.id}` : '';
      const key = `${upstream.name}\n${who}`;
      const known = cache.get(key);
      if (known !== undefined) return known;
      const underWay = flights.get(key);
      if (underWay !== undefined) return underWay;
      const flight = load(upstream, auth, owner)
        .then((credential) => {
          // A value that changed meanwhile took this flight's place away, so what it read is not kept.
          if (flights.get(key) === flight) cache.set(key, credential);
          return credential;
        })
        .finally(() => {
          if (flights.get(key) === flight) flights.delete(key);
        });
      flights.set(key, flight);
      return flight;
    },
    references,
    forget,
  };
}

const changedMeanwhile = ({ name }: Upstream): AppError =>
  new AppError('upstream_unavailable', `"${name}" was changed meanwhile. Try again.`);

const needsOwner = ({ name }: Upstream): AppError =>
  new AppError('upstream_credential_missing', `"${name}" needs an account of the person who calls.`);

async function fill(upstream: Upstream, template: Secret, sources: ReferenceSources): Promise<Secret> {
  try {
    return new Secret(await fillTemplate(template.reveal(), sources));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new AppError('upstream_credential_missing', `"${upstream.name}" has no credential yet: ${error.message}`);
  }
}

function missing(upstream: Upstream, header: string, personal: boolean): AppError {
  const { name } = upstream;
  return new AppError(
    'upstream_credential_missing',
    personal
      ? `"${name}" needs your own ${header}, and none is stored for you. Ask an administrator: \`toolgate upstream credential ${name} --user YOU\`.`
      : `"${name}" needs ${header}, and none is stored. Ask an administrator: \`toolgate upstream credential ${name}\`.`,
  );
}
