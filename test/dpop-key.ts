import { createHash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';

/** A key that a client proves to have (RFC 9449). */
export async function createDpopKey() {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  return {
    thumbprint: await calculateJwkThumbprint(jwk),
    /** The header with a fresh proof for one request. */
    async proof(method: string, url: string, { nonce, accessToken }: { nonce?: string; accessToken?: string } = {}) {
      const claims = {
        htm: method,
        htu: url,
        ...(nonce !== undefined && { nonce }),
        ...(accessToken !== undefined && { ath: createHash('sha256').update(accessToken).digest('base64url') }),
      };
      const proof = new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setJti(randomUUID())
        .setIssuedAt();
      return { dpop: await proof.sign(privateKey) };
    },
  };
}
