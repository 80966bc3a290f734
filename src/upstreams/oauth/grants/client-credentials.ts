import type { TokenSet } from '../provider/provider.ts';
import { type GrantRequest, requestToken } from './request-token.ts';

/**
 * A token for the gateway's own account (RFC 6749 §4.4; MCP extension `io.modelcontextprotocol/oauth-client-credentials`).
 *
 * @throws ProviderFailure
 */
export const clientCredentialsTokens = (request: GrantRequest): Promise<TokenSet> =>
  requestToken(request, 'client_credentials', {}, null);
