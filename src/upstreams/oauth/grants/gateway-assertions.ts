import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { Secret } from '../../../lib/secret.ts';
import { SIGNING_ALGORITHM, type SigningKeys } from '../../../tokens/signing-keys.ts';

/** For the way to the provider and its clock. */
const LIFETIME_SECONDS = 120;

/** About whom, and for what. */
export interface Assertion {
  /** Id of the principal. */
  readonly subject: string;
  /** Issuer of the provider that it is for. */
  readonly audience: string;
  /** What the upstream is called in token requests; null: it is not named. */
  readonly resource: string | null;
  /** The gateway's client id at the provider. */
  readonly clientId: string;
}

export interface GatewayAssertions {
  /** A subject token for a token exchange (RFC 8693 §2.1, `urn:ietf:params:oauth:token-type:jwt`). */
  subjectToken(assertion: Assertion): Promise<Secret>;
  /** An identity assertion (ID-JAG, draft-ietf-oauth-identity-assertion-authz-grant §3), with the gateway as the IdP. */
  idJag(assertion: Assertion & { readonly scopes: readonly string[] }): Promise<Secret>;
}

/**
 * Statements of the gateway about the person whose call it makes, for providers that trust it. They are JWTs under the keys
 * of our authorization server, which publishes them. None can be used as an access token here: these have the type
 * `at+jwt` and our own resources as their audience. Each is made for one request and good for two minutes.
 *
 * @param issuer of our authorization server
 */
export function createGatewayAssertions(
  issuer: () => string,
  keys: Pick<SigningKeys, 'active'>,
  now: () => number = Date.now,
): GatewayAssertions {
  const sign = async (type: string, assertion: Assertion, claims: Record<string, unknown>): Promise<Secret> => {
    const { kid, privateKey } = keys.active();
    const { subject, audience, resource, clientId } = assertion;
    const at = Math.floor(now() / 1000);
    const jwt = await new SignJWT({ ...claims, client_id: clientId, ...(resource !== null && { resource }) })
      .setProtectedHeader({ alg: SIGNING_ALGORITHM, typ: type, kid })
      .setIssuer(issuer())
      .setSubject(subject)
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt(at)
      .setExpirationTime(at + LIFETIME_SECONDS)
      .sign(privateKey);
    return new Secret(jwt);
  };
  return {
    // The claim is for Keycloak, which takes no JWT of others that does not say so: it states who somebody is.
    subjectToken: (assertion) => sign('JWT', assertion, { typ: 'ID' }),
    idJag: ({ scopes, ...assertion }) =>
      sign('oauth-id-jag+jwt', assertion, scopes.length > 0 ? { scope: scopes.join(' ') } : {}),
  };
}
