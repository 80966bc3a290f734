import type { KoaContextWithOIDC } from 'oidc-provider';

/** Answers a token request of one grant type whose client has proven who it is: sets `ctx.body`. */
export type GrantHandler = (ctx: KoaContextWithOIDC) => unknown;
