import { genericGrantRequest, ResponseBodyError } from 'openid-client';
import { AppError } from '../../errors/app-error.ts';
import { Secret } from '../../lib/secret.ts';
import { type ProviderClient, refusesClient } from './provider-client.ts';

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';

/** For what the identity provider shall vouch. */
export interface IdJagRequest {
  readonly idToken: Secret;
  /** Issuer of the authorization server that the assertion is for. */
  readonly audience: string;
  /** URL of the MCP server; null: none is named. */
  readonly resource: string | null;
  readonly scopes: readonly string[];
}

/**
 * Exchanges the ID token of a sign-in for an identity assertion for another authorization server (ID-JAG,
 * draft-ietf-oauth-identity-assertion-authz-grant §4.3), where the provider checks that the company allows this use.
 *
 * Null when the provider does not take the ID token any more. Throws AppError `identity_provider_failed` for all else.
 */
export async function requestIdJag(client: ProviderClient, request: IdJagRequest): Promise<Secret | null> {
  const { idToken, audience, resource, scopes } = request;
  const configuration = await client.configuration();
  try {
    const answer = await genericGrantRequest(configuration, TOKEN_EXCHANGE, {
      requested_token_type: ID_JAG,
      audience,
      ...(resource !== null && { resource }),
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
      subject_token: idToken.reveal(),
      subject_token_type: ID_TOKEN,
    });
    // What is no assertion must not go to somebody else: an access token would open the company's own services there.
    if (answer.issued_token_type !== ID_JAG) {
      throw new Error(`The provider issued ${JSON.stringify(answer.issued_token_type)} instead of an ID-JAG.`);
    }
    return new Secret(answer.access_token);
  } catch (error) {
    if (error instanceof ResponseBodyError && error.error === 'invalid_grant') return null;
    if (refusesClient(error)) client.forget();
    throw new AppError('identity_provider_failed', undefined, { cause: error });
  }
}
