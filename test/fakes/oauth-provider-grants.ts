import { createHash, randomBytes } from 'node:crypto';

/** What somebody gave a client. Its tokens end with it. */
export interface FakeGrant {
  readonly id: string;
  /** Who gave it. */
  readonly account: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Every `resource` that was named, in the authorization request and at the token endpoint. */
  readonly resources: Set<string>;
  /** Whether it comes with refresh tokens. */
  readonly offline: boolean;
  refreshes: number;
  revoked: boolean;
}

export interface FakeAccessToken {
  readonly grant: FakeGrant;
  readonly scopes: readonly string[];
  /** Milliseconds since the epoch; null: it does not expire. */
  expiresAt: number | null;
}

interface FakeRefreshToken {
  readonly grant: FakeGrant;
  readonly expiresAt: number | null;
  spent: boolean;
}

interface Code {
  readonly grant: FakeGrant;
  readonly redirectUri: string;
  readonly challenge: string | undefined;
  readonly expiresAt: number;
  used: boolean;
}

/** An error of the token endpoint (RFC 6749 §5.2). */
export class OauthError extends Error {
  readonly error: string;
  readonly status: number;

  constructor(error: string, description?: string, status = 400) {
    super(description ?? error);
    this.error = error;
    this.status = status;
  }
}

export interface Issued {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  readonly expiresIn: number | null;
  readonly grant: FakeGrant;
  readonly scopes: readonly string[];
}

export interface GrantSettings {
  /** Null: they do not expire. */
  accessTokenSeconds: number | null;
  refreshTokenSeconds: number | null;
  rotateRefreshTokens: boolean;
}

const opaque = (prefix: string): string => `${prefix}_${randomBytes(24).toString('base64url')}`;

/** Codes, grants and tokens of the fake provider, with the rules of a strict one. */
export function createFakeGrants(settings: GrantSettings) {
  const codes = new Map<string, Code>();
  const grants: FakeGrant[] = [];
  const accessTokens = new Map<string, FakeAccessToken>();
  const refreshTokens = new Map<string, FakeRefreshToken>();
  const until = (seconds: number | null): number | null => (seconds === null ? null : Date.now() + seconds * 1000);

  function newGrant(of: Pick<FakeGrant, 'account' | 'clientId' | 'scopes' | 'offline'>): FakeGrant {
    const grant = { ...of, id: opaque('grant'), resources: new Set<string>(), refreshes: 0, revoked: false };
    grants.push(grant);
    return grant;
  }

  function issue(grant: FakeGrant, scopes: readonly string[] = grant.scopes, keep: string | null = null): Issued {
    const accessToken = opaque('at');
    accessTokens.set(accessToken, { grant, scopes, expiresAt: until(settings.accessTokenSeconds) });
    let refreshToken = keep;
    if (grant.offline && refreshToken === null) {
      refreshToken = opaque('rt');
      refreshTokens.set(refreshToken, { grant, expiresAt: until(settings.refreshTokenSeconds), spent: false });
    }
    return { accessToken, refreshToken, expiresIn: settings.accessTokenSeconds, grant, scopes };
  }

  return {
    grants,
    accessTokens,
    refreshTokens,
    newGrant,
    issue,
    newCode(grant: FakeGrant, redirectUri: string, challenge: string | undefined): string {
      const code = opaque('code');
      codes.set(code, { grant, redirectUri, challenge, expiresAt: Date.now() + 60_000, used: false });
      return code;
    },
    /** @throws OauthError `invalid_grant`; a code that is used twice ends its grant (OAuth 2.1 §4.1.3) */
    redeem(params: URLSearchParams, clientId: string): Issued {
      const code = codes.get(params.get('code') ?? '');
      if (code === undefined || code.grant.clientId !== clientId) throw new OauthError('invalid_grant', 'unknown code');
      if (code.used) code.grant.revoked = true;
      if (code.used || code.expiresAt < Date.now()) throw new OauthError('invalid_grant', 'the code is spent');
      code.used = true;
      if (code.redirectUri !== params.get('redirect_uri')) throw new OauthError('invalid_grant', 'other redirect_uri');
      const verifier = params.get('code_verifier') ?? '';
      const computed = createHash('sha256').update(verifier).digest('base64url');
      if (code.challenge !== undefined && computed !== code.challenge) {
        throw new OauthError('invalid_grant', 'the code_verifier does not fit');
      }
      return issue(code.grant);
    },
    /** Rotates, unless told otherwise. A refresh token that is used twice ends the whole grant. */
    refresh(params: URLSearchParams, clientId: string): Issued {
      const presented = params.get('refresh_token') ?? '';
      const token = refreshTokens.get(presented);
      if (token === undefined || token.grant.clientId !== clientId) throw new OauthError('invalid_grant', 'unknown');
      const { grant } = token;
      if (token.spent) grant.revoked = true;
      const dead = grant.revoked || (token.expiresAt !== null && token.expiresAt < Date.now());
      if (dead) throw new OauthError('invalid_grant', 'Token has been expired or revoked.');
      const asked = params.get('scope')?.split(' ') ?? grant.scopes;
      if (!asked.every((scope) => grant.scopes.includes(scope))) throw new OauthError('invalid_scope');
      grant.refreshes++;
      token.spent = settings.rotateRefreshTokens;
      return issue(grant, asked, settings.rotateRefreshTokens ? null : presented);
    },
    /** RFC 7009: with a refresh token the whole grant goes, with an access token that one. */
    revoke(token: string): 'refresh_token' | 'access_token' | null {
      const refresh = refreshTokens.get(token);
      if (refresh !== undefined) {
        refresh.grant.revoked = true;
        return 'refresh_token';
      }
      return accessTokens.delete(token) ? 'access_token' : null;
    },
    /** Of a token that is good now. */
    find(token: string): FakeAccessToken | undefined {
      const found = accessTokens.get(token);
      if (found === undefined || found.grant.revoked) return undefined;
      return found.expiresAt === null || found.expiresAt > Date.now() ? found : undefined;
    },
  };
}
