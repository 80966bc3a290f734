import { person } from './acme-realm.ts';

/** How long an access token is good, in seconds. */
export const ACCESS_TOKEN_SECONDS = 5;
/** The gateway as a client that was registered by hand. */
export const GATEWAY_CLIENT = { id: 'toolgate-upstreams', secret: 'the-secret-of-the-gateway-at-the-provider' };
/** The MCP server, which asks Keycloak about tokens. */
export const SERVER_CLIENT = { id: 'mcp-server', secret: 'the-secret-of-the-mcp-server' };
export const READ_SCOPE = 'mcp:read';
export const WRITE_SCOPE = 'mcp:write';

/**
 * A third party with accounts. Every refresh token is good once ("Revoke Refresh Token", "Refresh Token Max Reuse" 0), and
 * access tokens end within seconds. What happens is kept, so that tests can look at it.
 */
export const accountsRealm = () => ({
  realm: 'accounts',
  enabled: true,
  sslRequired: 'none',
  accessTokenLifespan: ACCESS_TOKEN_SECONDS,
  revokeRefreshToken: true,
  refreshTokenMaxReuse: 0,
  eventsEnabled: true,
  // Keycloak keeps no refreshes unless it is told to.
  enabledEventTypes: ['REFRESH_TOKEN', 'REFRESH_TOKEN_ERROR'],
  users: [
    ...['ann', 'bob', 'cat', 'dan', 'eve', 'fay', 'gus', 'ida', 'jim'].map((username) =>
      person(username, { realmRoles: ['default-roles-accounts'] }),
    ),
    // Without the role `offline_access`, which is one of the default roles.
    person('hal'),
  ],
});

/** As docs/connections/keycloak.md says: Keycloak puts nobody into the audience by itself. */
export const accountsScopes = (audiences: readonly string[]) =>
  [READ_SCOPE, WRITE_SCOPE].map((name) => ({
    name,
    protocol: 'openid-connect',
    attributes: { 'include.in.token.scope': 'true' },
    protocolMappers: audiences.map((audience) => ({
      name: audience,
      protocol: 'openid-connect',
      protocolMapper: 'oidc-audience-mapper',
      config: {
        'included.custom.audience': audience,
        'access.token.claim': 'true',
        'introspection.token.claim': 'true',
      },
    })),
  }));

const scopes = {
  defaultClientScopes: ['basic', 'profile', 'email'],
  optionalClientScopes: [READ_SCOPE, WRITE_SCOPE, 'offline_access'],
};

/** For people who connect their accounts. Keycloak leaves the port of loopback addresses open (RFC 8252 §7.3). */
export const PEOPLES_CLIENT = {
  clientId: GATEWAY_CLIENT.id,
  secret: GATEWAY_CLIENT.secret,
  publicClient: false,
  standardFlowEnabled: true,
  directAccessGrantsEnabled: false,
  redirectUris: ['http://127.0.0.1/connect/callback'],
  attributes: { 'pkce.code.challenge.method': 'S256' },
  ...scopes,
};

export const INTROSPECTING_CLIENT = {
  clientId: SERVER_CLIENT.id,
  secret: SERVER_CLIENT.secret,
  publicClient: false,
  standardFlowEnabled: false,
  directAccessGrantsEnabled: false,
};

/** An account of its own for the gateway ("Service account roles"), with a secret or with a key. */
export const machineClient = (clientId: string, proof: { secret: string } | { jwks: object }) => ({
  clientId,
  publicClient: false,
  standardFlowEnabled: false,
  directAccessGrantsEnabled: false,
  serviceAccountsEnabled: true,
  ...('secret' in proof
    ? { secret: proof.secret }
    : {
        clientAuthenticatorType: 'client-jwt',
        attributes: { 'use.jwks.string': 'true', 'jwks.string': JSON.stringify(proof.jwks) },
      }),
  ...scopes,
});
