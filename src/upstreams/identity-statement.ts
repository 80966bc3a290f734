import { sign } from 'node:crypto';
import { AppError } from '../errors/app-error.ts';
import { createLru, type Lru } from '../lib/lru.ts';
import type { PrincipalRef } from '../model/principal.ts';
import type { HttpUpstream } from '../model/upstream.ts';
import { SIGNING_ALGORITHM, type SigningKeys } from '../tokens/signing-keys.ts';

export interface IdentityStatements {
  /**
   * A JWT for `identityHeader` that says to this upstream, and to no other, who calls. At once: what it costs is a
   * signature each half minute and person. Throws AppError when the gateway has no keys to sign with.
   */
  about(upstream: HttpUpstream, principal: PrincipalRef): string;
}

export interface IdentityStatementOptions {
  /** Of our authorization server, whose published keys verify the statement. */
  readonly issuer: () => string;
  /** Null when signing in is switched off, for then no keys are published. */
  readonly signingKeys: Pick<SigningKeys, 'active'> | null;
  readonly now?: (() => number) | undefined;
}

const LIFETIME_SECONDS = 60;
/** People per upstream whose statement is kept until half its life is over. */
const MAX_KEPT = 10_000;

/** Not `at+jwt`: nobody who verifies types can take it for an access token. Nor can we, for its audience is the upstream. */
const TYPE = 'toolgate-identity+jwt';

interface Statement {
  readonly jwt: string;
  readonly madeAt: number;
}

export function createIdentityStatements(options: IdentityStatementOptions): IdentityStatements {
  const { issuer, signingKeys, now = Date.now } = options;
  // By the object: another configuration has another audience.
  const kept = new WeakMap<HttpUpstream, Lru<string, Statement>>();

  const make = ({ name, url }: HttpUpstream, principal: PrincipalRef, time: number): string => {
    if (signingKeys === null) {
      throw new AppError(
        'upstream_unavailable',
        `"${name}" is to be told who calls, but this gateway signs nothing: set \`oauth.enabled\`, or remove its \`identityHeader\`.`,
      );
    }
    const { kid, privateKey } = signingKeys.active();
    const { origin, pathname } = new URL(url);
    const at = Math.floor(time / 1000);
    const claims = {
      iss: issuer(),
      aud: origin + pathname,
      sub: principal.id,
      name: principal.name,
      kind: principal.kind,
      iat: at,
      exp: at + LIFETIME_SECONDS,
    };
    const signed = `${encode({ alg: SIGNING_ALGORITHM, typ: TYPE, kid })}.${encode(claims)}`;
    // RFC 7518 §3.4: the two numbers side by side, and not in ASN.1.
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  };

  return {
    about(upstream, principal) {
      let statements = kept.get(upstream);
      if (statements === undefined) {
        statements = createLru(MAX_KEPT);
        kept.set(upstream, statements);
      }
      const time = now();
      const known = statements.get(principal.id);
      const age = known === undefined ? Number.NaN : time - known.madeAt;
      if (age >= 0 && age < (LIFETIME_SECONDS * 1000) / 2) return known!.jwt;
      const jwt = make(upstream, principal, time);
      statements.set(principal.id, { jwt, madeAt: time });
      return jwt;
    },
  };
}

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
