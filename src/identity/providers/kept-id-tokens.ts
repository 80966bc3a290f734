import { decodeJwt } from 'jose';
import type { IdentityProviderSettings } from '../../config/issuer-schemas.ts';
import { Secret } from '../../lib/secret.ts';
import type { SecretRef } from '../../store/secrets.ts';
import { ownEntry } from '../../vault/own-secrets.ts';
import type { Vault } from '../../vault/vault.ts';

type Provider = Pick<IdentityProviderSettings, 'name' | 'issuer' | 'clientId'>;

/** As it is sealed in the vault: for whom it was issued, and by whom. */
interface Kept {
  readonly issuer: string;
  readonly clientId: string;
  readonly idToken: string;
}

/** What is over a moment later is not sent any more. */
const LEEWAY_MS = 5000;

/**
 * ID tokens of people's last sign-ins, for upstreams at which the company's identity provider vouches for the person
 * (RFC 8693 with an ID token, ID-JAG). Nothing is kept of a provider that no upstream needs this of.
 *
 * An ID token lasts as long as its provider says, often for an hour and seldom for longer than a day; then the person has to
 * sign in again.
 */
export function createKeptIdTokens({
  vault,
  isWanted,
  onKept,
  tenantId,
  now,
}: {
  vault: Pick<Vault, 'readStored' | 'put' | 'remove'>;
  /** Whether some upstream needs the ID tokens of this provider. */
  isWanted: (provider: string) => boolean;
  onKept: (provider: string, userId: string) => void;
  tenantId: string;
  now: () => number;
}) {
  const refOf = (provider: string, userId: string): SecretRef =>
    ownEntry(`idp-token:${provider}`, tenantId, { kind: 'user', id: userId });

  return {
    /** Keeps the ID token of a completed sign-in, in the place of the one before. */
    async keep({ name, issuer, clientId }: Provider, userId: string, idToken: string): Promise<void> {
      const ref = refOf(name, userId);
      if (isWanted(name)) {
        const kept: Kept = { issuer, clientId, idToken };
        await vault.put(ref, new Secret(JSON.stringify(kept)));
        onKept(name, userId);
      } else if ((await vault.readStored(ref)) !== null) await vault.remove(ref);
    },
    /** Null when there is none that is still good, or it came from what the provider was called before. */
    async of({ name, issuer, clientId }: Provider, userId: string): Promise<Secret | null> {
      // The person may just have signed in at another process.
      const stored = await vault.readStored(refOf(name, userId));
      if (stored === null) return null;
      const kept = JSON.parse(stored.value.reveal()) as Kept;
      if (kept.issuer !== issuer || kept.clientId !== clientId) return null;
      const { exp } = decodeJwt(kept.idToken);
      return exp !== undefined && exp * 1000 - LEEWAY_MS <= now() ? null : new Secret(kept.idToken);
    },
  };
}

export type KeptIdTokens = ReturnType<typeof createKeptIdTokens>;
