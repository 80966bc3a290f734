import { createPrivateKey, type KeyObject, type webcrypto } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import type { Secret } from '../../../lib/secret.ts';
import type { Provider, ProviderClient } from './provider.ts';
import { ProviderFailure, quoted } from './provider-failure.ts';

/**
 * How the client authenticates itself in requests to the token and revocation endpoints.
 *
 * @throws ProviderFailure `changed_issuer` when the client is bound to another provider: its secret does not go there;
 * `registration` when its secret or key is missing or no good
 */
export async function clientAuthentication(provider: Provider, client: ProviderClient): Promise<oauth.ClientAuth> {
  checkBinding(provider, client);
  switch (client.authMethod) {
    case 'none':
      return oauth.None();
    case 'client_secret_basic':
      return secretBasic(needed(client.secret, 'client secret'));
    case 'client_secret_post':
      return oauth.ClientSecretPost(needed(client.secret, 'client secret').reveal());
    case 'private_key_jwt':
      return oauth.PrivateKeyJwt(await importKey(needed(client.key, 'client key'), provider));
  }
}

/** Credentials belong to the one provider that they were made at (2026-07-28, "Authorization Server Binding"). */
export function checkBinding(provider: Provider, client: ProviderClient): void {
  if (client.issuer === provider.issuer || (client.issuer === null && client.source === 'metadata-document')) return;
  const bound = client.issuer === null ? 'none yet' : quoted(client.issuer);
  const detail = `The client is registered at another provider (${bound}) than ${quoted(provider.issuer)}.`;
  throw new ProviderFailure('changed_issuer', detail);
}

function needed(value: Secret | null, what: string): Secret {
  if (value !== null && value.reveal() !== '') return value;
  throw new ProviderFailure('registration', `The ${what} is missing. Set it for the upstream.`);
}

/**
 * RFC 6749 §2.3.1, where id and secret are form-encoded first. Many providers do not decode them, so that only what has to
 * be encoded is; the library encodes hyphens, too.
 */
function secretBasic(secret: Secret): oauth.ClientAuth {
  const encode = (part: string): string => encodeURIComponent(part).replaceAll('%20', '+');
  return (_server, { client_id: id }, _body, headers) => {
    const credentials = Buffer.from(`${encode(id)}:${encode(secret.reveal())}`).toString('base64');
    headers.set('authorization', `Basic ${credentials}`);
  };
}

const RSA = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
const CURVES: Readonly<Record<string, string>> = { 'P-256': 'P-256', 'P-384': 'P-384', 'P-521': 'P-521' };

/** PKCS#8 in PEM, or a JWK with its `kid`. RSA signs with RS256, or PS256 where the provider lists only that. */
async function importKey(key: Secret, { server }: Provider): Promise<{ key: CryptoKey; kid?: string }> {
  const refuse = (): never => {
    const detail = 'The client key cannot be read. It has to be a private key, as PKCS#8 in PEM or as a JWK.';
    throw new ProviderFailure('registration', detail);
  };
  const text = key.reveal().trim();
  let object: KeyObject;
  let kid: string | undefined;
  try {
    if (text.startsWith('{')) {
      const jwk = JSON.parse(text) as webcrypto.JsonWebKey & { kid?: string };
      kid = jwk.kid;
      object = createPrivateKey({ key: jwk, format: 'jwk' });
    } else object = createPrivateKey(text);
  } catch {
    return refuse();
  }
  const jwk = object.export({ format: 'jwk' });
  const algorithms = server.token_endpoint_auth_signing_alg_values_supported;
  const pss = algorithms !== undefined && !algorithms.includes('RS256') && algorithms.includes('PS256');
  let algorithm: webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams | webcrypto.Algorithm = pss
    ? { ...RSA, name: 'RSA-PSS' }
    : RSA;
  if (jwk.kty === 'EC') algorithm = { name: 'ECDSA', namedCurve: CURVES[jwk.crv ?? ''] ?? refuse() };
  else if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') algorithm = { name: 'Ed25519' };
  else if (jwk.kty !== 'RSA') return refuse();
  const imported = await crypto.subtle.importKey('jwk', jwk as webcrypto.JsonWebKey, algorithm, false, ['sign']);
  return { key: imported, ...(kid !== undefined && { kid }) };
}
