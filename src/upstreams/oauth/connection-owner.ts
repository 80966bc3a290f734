import type { PrincipalRef } from '../../model/principal.ts';
import type { UpstreamAuth } from '../../model/upstream.ts';
import type { SecretRef } from '../../store/secrets.ts';
import { SHARED } from '../../vault/vault.ts';

/** Whose tokens: everybody's, or those of one principal. */
export type ConnectionOwner = SecretRef['owner'];

/** One text per connection and one connection per text: names and ids have no line end. */
export const connectionKey = (upstream: string, owner: Pick<ConnectionOwner, 'kind' | 'id'>): string =>
  `${upstream}\n${owner.kind}\n${owner.id}`;

/** Whose tokens a call of this principal takes at an upstream. Undefined when that needs a principal and there is none. */
export function ownerFor(
  { kind }: UpstreamAuth,
  principal: Pick<PrincipalRef, 'kind' | 'id'> | undefined,
): ConnectionOwner | undefined {
  return kind === 'oauth-per-user' ? principal : SHARED;
}
