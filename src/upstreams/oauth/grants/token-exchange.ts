import type { Secret } from '../../../lib/secret.ts';
import type { TokenSet } from '../provider/provider.ts';
import { type GrantRequest, requestToken } from './request-token.ts';

export interface TokenExchange extends GrantRequest {
  /** What says who the person is. */
  readonly subjectToken: Secret;
  readonly subjectTokenType: 'jwt' | 'id_token';
  /** Name of the upstream at the provider, where it wants one; null: none is sent. */
  readonly audience: string | null;
}

const TYPE = 'urn:ietf:params:oauth:token-type';

/**
 * A token for a person, in exchange for one that says who they are (RFC 8693 §2). The gateway acts as the person alone:
 * there is no actor token, as the provider knows the gateway by its client authentication.
 *
 * @throws ProviderFailure `invalid_grant` when the provider does not take the subject token
 */
export const exchangeTokens = (exchange: TokenExchange): Promise<TokenSet> => {
  const { subjectToken, subjectTokenType, audience, ...request } = exchange;
  return requestToken(
    request,
    'urn:ietf:params:oauth:grant-type:token-exchange',
    {
      subject_token: subjectToken.reveal(),
      subject_token_type: `${TYPE}:${subjectTokenType}`,
      requested_token_type: `${TYPE}:access_token`,
      ...(audience !== null && { audience }),
    },
    subjectToken,
  );
};
