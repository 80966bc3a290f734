import type { Caller } from '../model/principal.ts';
import type { AccessTokenVerifier, PresentedToken, TokenRevoked } from './access-token-verifier.ts';
import { refuseCredential } from './credential-refusal.ts';
import type { KeyVerifier, Revoked } from './key-verifier.ts';

export interface PresentedCredential {
  /** The client's IP address as text. */
  readonly address: string;
  /** Whether it came with the `DPoP` scheme (RFC 9449 §7.1). */
  readonly dpopScheme: boolean;
  /** Asked for a token alone: a key costs none of this. */
  token(): PresentedToken;
}

/** Who calls, by whatever credential: what both verifiers offer, behind one door. */
export interface CredentialVerifier
  extends Pick<KeyVerifier, 'revokeKey' | 'invalidateKey' | 'flushLastUsed'>,
    Pick<
      AccessTokenVerifier,
      'revokeGrant' | 'revokeClient' | 'revokePrincipal' | 'invalidatePrincipal' | 'invalidateAll' | 'readRevoked'
    > {
  /** As KeyVerifier.verify and AccessTokenVerifier.verify. */
  verify(credential: string, presented: PresentedCredential): Caller | Promise<Caller>;
  /** A revoked principal is told once. Returns a function that stops it. */
  onRevoked(listener: (revoked: Revoked | TokenRevoked) => void): () => void;
  stats(): { readonly keys: ReturnType<KeyVerifier['stats']>; readonly tokens: ReturnType<KeyVerifier['stats']> };
}

/**
 * Its prefix says what a credential is, and only that verifier ever sees it: what one refuses, the other is not asked
 * about (CVE-2026-59822).
 */
export function createCredentialVerifier({
  keys,
  tokens,
}: {
  readonly keys: KeyVerifier;
  readonly tokens: AccessTokenVerifier;
}): CredentialVerifier {
  return {
    verify(credential, presented) {
      if (!credential.startsWith('tgp_') && !credential.startsWith('tgs_'))
        return tokens.verify(credential, presented.token());
      // A key has no proof of possession, and must not look as if it had.
      if (presented.dpopScheme) throw refuseCredential('malformed');
      return keys.verify(credential, presented.address);
    },
    revokeKey: keys.revokeKey,
    invalidateKey: keys.invalidateKey,
    flushLastUsed: keys.flushLastUsed,
    revokeGrant: tokens.revokeGrant,
    revokeClient: tokens.revokeClient,
    readRevoked: tokens.readRevoked,
    revokePrincipal(id) {
      keys.revokePrincipal(id);
      tokens.revokePrincipal(id);
    },
    invalidatePrincipal(id) {
      keys.invalidatePrincipal(id);
      tokens.invalidatePrincipal(id);
    },
    invalidateAll() {
      keys.invalidateAll();
      tokens.invalidateAll();
    },
    onRevoked(listener) {
      const stops = [
        keys.onRevoked(listener),
        tokens.onRevoked((revoked) => {
          if (revoked.kind !== 'principal') listener(revoked);
        }),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
    stats: () => ({ keys: keys.stats(), tokens: tokens.stats() }),
  };
}
