import type { KoaContextWithOIDC } from 'oidc-provider';

/**
 * Whom a token request speaks for that no person has agreed to before: the service account of its client, or whom an
 * assertion names. The library's own handler knows of clients only.
 */
const principals = new WeakMap<KoaContextWithOIDC, string>();

export function speakFor(ctx: KoaContextWithOIDC, principalId: string): void {
  principals.set(ctx, principalId);
}

export function spokenFor(ctx: KoaContextWithOIDC): string {
  const id = principals.get(ctx);
  if (id === undefined) throw new TypeError('A token for nobody.');
  return id;
}
