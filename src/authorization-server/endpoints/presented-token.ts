import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { ServerContext } from '../context.ts';

/**
 * The claims of an access token of ours that an authenticated client presented and that the library has refused to look
 * at, as it keeps no record of those; null for anything else. An expired one counts: revoking it is no error.
 */
export async function presentedToken(context: ServerContext, ctx: KoaContextWithOIDC): Promise<JWTPayload | null> {
  const { body } = ctx as { body?: { error?: string } };
  const { client, params } = ctx.oidc;
  // The library says this after the client has proven who it is, and not before.
  if (body?.error !== 'unsupported_token_type' || client === undefined) return null;
  const { token } = params as { token?: unknown };
  if (typeof token !== 'string') return null;
  try {
    const keys = createLocalJWKSet(context.signingKeys.publicJwks() as never);
    const { payload } = await jwtVerify(token, keys, {
      issuer: context.issuer(),
      algorithms: ['ES256'],
      typ: 'at+jwt',
      currentDate: new Date(0),
    });
    return payload;
  } catch {
    return null;
  }
}
