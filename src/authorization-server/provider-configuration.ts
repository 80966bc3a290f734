import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { newId } from '../lib/ids.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { findUser } from '../store/users.ts';
import { customizeAccessToken } from './access-token-claims.ts';
import { createAdapter } from './adapter.ts';
import { checkAuthorizationRequest } from './check-authorization-request.ts';
import { CLIENT_KEY_ALGORITHMS } from './clients/client-metadata.ts';
import { fitRegistration, offersRegistration } from './clients/registration-policy.ts';
import type { ServerContext } from './context.ts';
import { afterLogoutRequest } from './end-session/logout-source.ts';
import { ENDPOINTS } from './endpoints.ts';
import { fetchForLibrary } from './fetch-for-library.ts';
import { deviceFlow } from './interactions/device.ts';
import { interactionPolicyOf } from './interactions/interaction-policy.ts';
import { existingGrant } from './interactions/remembered-consent.ts';
import { renderOauthError } from './oauth-errors.ts';
import type { OidcLibrary } from './oidc-library.ts';
import { defaultResource, resourceServerOf } from './resource-server.ts';
import { HARMLESS_SCOPES } from './resources.ts';

const DAY_SECONDS = 86_400;
/** How long a person may take over signing in and consenting. */
const INTERACTION_SECONDS = 3600;
const CODE_SECONDS = 60;
const DEVICE_CODE_SECONDS = 600;

/** What the library is to do. What it is not told to do stands in the files that are imported here. */
export function providerConfiguration(
  context: ServerContext,
  library: OidcLibrary,
  { initialAccessToken }: { readonly initialAccessToken: string | undefined },
): Configuration {
  const { settings, secrets, signingKeys } = context;
  const keys = signingKeys.privateJwks();
  return {
    adapter: createAdapter(context, library),
    jwks: { keys: [...keys] } as never,
    routes: ENDPOINTS,
    scopes: HARMLESS_SCOPES,
    claims: { openid: ['sub'] },
    responseTypes: ['code'],
    subjectTypes: ['public'],
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    clientDefaults: {
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    },
    enabledJWA: {
      idTokenSigningAlgValues: ['ES256'],
      clientAuthSigningAlgValues: CLIENT_KEY_ALGORITHMS as never,
      requestObjectSigningAlgValues: ['ES256'],
      dPoPSigningAlgValues: ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'] as never,
    },
    pkce: { required: () => true },
    // The library runs it for these members only. They are of no use to us otherwise.
    extraClientMetadata: {
      properties: ['software_id', 'software_version'],
      validator(ctx, key, _value, metadata) {
        const isNew = ctx?.oidc?.route === 'registration';
        if (isNew && key === 'software_id') fitRegistration(metadata as Record<string, unknown>, context, library);
      },
    },
    extraParams: { toolgate: (ctx: KoaContextWithOIDC) => checkAuthorizationRequest(context, library, ctx) },
    features: features(context, library, { initialAccessToken, signingKeyId: keys[0]!.kid! }),
    ...lifetimes(context),
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    // Whoever proves itself at each refresh gains nothing from another token (OAuth 2.1 §4.3.1) but its longer life.
    rotateRefreshToken: ({ oidc: { client, entities } }) =>
      client!.clientAuthMethod === 'none' || entities.RefreshToken!.ttlPercentagePassed() >= 50,
    revokeGrantPolicy: () => true,
    findAccount: async (_ctx, id) => {
      const user = await findUser(context.db, { tenantId: DEFAULT_TENANT, id });
      return user?.status === 'active' ? { accountId: id, claims: () => ({ sub: id }) } : undefined;
    },
    loadExistingGrant: (ctx) => existingGrant(context, ctx),
    interactions: {
      policy: interactionPolicyOf(library),
      url: (_ctx, interaction) => `${settings.issuerPath}/oauth/interaction/${interaction.uid}`,
    },
    formats: {
      customizers: {
        jwt: (ctx, token, jwt) =>
          customizeAccessToken(context, ctx, token as { accountId?: string; grantId?: string }, jwt),
      },
    },
    cookies: cookies(context, secrets.cookieKey.reveal()),
    clientBasedCORS: () => true,
    fetch: fetchForLibrary(context),
    renderError: (ctx, out, error) => renderOauthError(context, ctx, out, error),
  };
}

function features(
  context: ServerContext,
  library: OidcLibrary,
  fixed: { readonly initialAccessToken: string | undefined; readonly signingKeyId: string },
): NonNullable<Configuration['features']> {
  const { secrets } = context;
  return {
    devInteractions: { enabled: false },
    userinfo: { enabled: false },
    rpInitiatedLogout: { enabled: true, logoutSource: (ctx) => afterLogoutRequest(context, ctx) },
    clientCredentials: { enabled: true },
    introspection: {
      enabled: true,
      // The endpoint says nothing about a token to other public clients (RFC 7662 §4); see endpoints/introspection.ts.
      allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
    },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    deviceFlow: deviceFlow(context),
    dPoP: { enabled: true, nonceSecret: secrets.nonceSecret, requireNonce: () => false },
    pushedAuthorizationRequests: { enabled: true },
    registration: {
      enabled: offersRegistration(context),
      initialAccessToken: fixed.initialAccessToken,
      idFactory: () => newId('cli', context.now()),
      issueRegistrationAccessToken: () => false,
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_ctx, _client, oneOf) => (oneOf === undefined ? defaultResource(context) : oneOf) as string,
      useGrantedResource: async () => true,
      getResourceServerInfo: (ctx, resource) => resourceServerOf(context, library, ctx, resource, fixed.signingKeyId),
    },
  };
}

function lifetimes({ settings }: ServerContext): Pick<Configuration, 'ttl'> {
  return {
    ttl: {
      AccessToken: settings.accessTokenSeconds,
      ClientCredentials: settings.accessTokenSeconds,
      IdToken: settings.accessTokenSeconds,
      AuthorizationCode: CODE_SECONDS,
      DeviceCode: DEVICE_CODE_SECONDS,
      RefreshToken: settings.refreshTokenDays * DAY_SECONDS,
      Grant: settings.grantDays * DAY_SECONDS,
      Interaction: INTERACTION_SECONDS,
    },
  };
}

/** They carry an authorization that is under way and nothing else: who is signed in, the browser session says. */
function cookies({ publicUrl }: ServerContext, key: string): NonNullable<Configuration['cookies']> {
  const secure = publicUrl().startsWith('https:');
  const options = { httpOnly: true, sameSite: 'lax', signed: true, secure } as const;
  return {
    keys: [key],
    names: {
      // Bound to a path, so that several can be under way at once; `__Host-` does not allow that.
      interaction: `${secure ? '__Secure-' : ''}toolgate_interaction`,
      resume: `${secure ? '__Secure-' : ''}toolgate_resume`,
    },
    short: options,
  };
}
