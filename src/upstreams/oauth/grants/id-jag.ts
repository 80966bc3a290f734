import type { Secret } from '../../../lib/secret.ts';
import type { TokenSet } from '../provider/provider.ts';
import { type GrantRequest, requestToken } from './request-token.ts';

/**
 * A token for a person, for an identity assertion about them (RFC 7523 §2.1; MCP extension
 * `io.modelcontextprotocol/enterprise-managed-authorization`).
 *
 * @throws ProviderFailure `invalid_grant` when the provider does not take the assertion
 */
export const idJagTokens = ({
  assertion,
  ...request
}: GrantRequest & { readonly assertion: Secret }): Promise<TokenSet> =>
  requestToken(request, 'urn:ietf:params:oauth:grant-type:jwt-bearer', { assertion: assertion.reveal() }, assertion);
