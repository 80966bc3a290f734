import { AppError } from '../errors/app-error.ts';
import { createLru } from '../lib/lru.ts';
import type { Secret } from '../lib/secret.ts';
import type { Upstream } from '../model/upstream.ts';
import type { Challenge } from './oauth/provider/challenge.ts';
import type { CredentialOwner } from './resolve-credential.ts';
import type { Credential } from './upstream-connection.ts';
import { SecretTrail } from './without-secrets.ts';

/** Where tokens come from: the connections of accounts, or the grants of machines. */
export interface TokenSource {
  /**
   * The token as a credential; at once when it is in memory and will last. The same object until the token changes, the
   * same id also then. Rejects with AppError.
   */
  of(upstream: Upstream, owner: CredentialOwner | undefined): Credential | Promise<Credential>;
  /** After the upstream refused `used`: a newer one. Rejects with AppError when there is none to be had. */
  renewed(
    upstream: Upstream,
    owner: CredentialOwner | undefined,
    used: Credential,
    challenge: Challenge,
  ): Promise<Credential>;
}

/** The credentials of a token source, each with the way to its successor. */
export interface RenewableCredentials {
  of(upstream: Upstream, owner: CredentialOwner | undefined): Credential | Promise<Credential>;
}

/** @param size owners whose previous token is remembered, so that it is still found in what their upstream sends */
export function createRenewableCredentials(source: TokenSource, size: number): RenewableCredentials {
  const ready = new WeakMap<Credential, RenewableCredential>();
  const trails = createLru<string, SecretTrail>(size);

  const wrap = (token: Credential, upstream: Upstream, owner: CredentialOwner | undefined): RenewableCredential => {
    const known = ready.get(token);
    if (known?.upstream === upstream) return known;
    const key = `${upstream.name}\n${owner === undefined ? '' : `${owner.kind}:${owner.id}`}`;
    let trail = trails.get(key);
    if (trail === undefined) {
      trail = new SecretTrail();
      trails.set(key, trail);
    }
    trail.add(token);
    const credential = new RenewableCredential({ token, upstream, owner, trail, renewed });
    ready.set(token, credential);
    return credential;
  };

  const renewed: Renewal = async (used, challenge) => {
    const { token, upstream, owner } = used;
    const next = await source.renewed(upstream, owner, token, challenge);
    if (next === token) throw refusedAgain(upstream);
    return wrap(next, upstream, owner);
  };

  return {
    of(upstream, owner) {
      const token = source.of(upstream, owner);
      return token instanceof Promise ? token.then((one) => wrap(one, upstream, owner)) : wrap(token, upstream, owner);
    },
  };
}

type Renewal = (used: RenewableCredential, challenge: Challenge) => Promise<Credential>;

class RenewableCredential implements Credential {
  readonly id: string;
  readonly headers: readonly (readonly [name: string, value: Secret])[];
  readonly trail: SecretTrail;
  readonly token: Credential;
  readonly upstream: Upstream;
  readonly owner: CredentialOwner | undefined;
  readonly #renewed: Renewal;

  constructor(made: {
    token: Credential;
    upstream: Upstream;
    owner: CredentialOwner | undefined;
    trail: SecretTrail;
    renewed: Renewal;
  }) {
    this.id = made.token.id;
    this.headers = made.token.headers;
    this.trail = made.trail;
    this.token = made.token;
    this.upstream = made.upstream;
    this.owner = made.owner;
    this.#renewed = made.renewed;
  }

  renew(challenge: Challenge): Promise<Credential> {
    return this.#renewed(this, challenge);
  }
}

const refusedAgain = ({ name }: Upstream): AppError =>
  new AppError(
    'upstream_credential_rejected',
    `"${name}" refuses a token that is as new as can be. Connect the account again, or ask an administrator: \`toolgate upstream test ${name}\`.`,
  );
