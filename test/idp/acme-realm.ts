const REALM = 'acme';
/** What the MCP client of the tests calls itself. */
export const CLIENT_TITLE = 'A desktop program';
export const PASSWORD = 'correct horse battery staple';
/** The gateway as a client of the realm. */
export const CLIENT_ID = 'toolgate';
export const CLIENT_SECRET = 'the-secret-of-the-gateway-at-keycloak';
/** What the company calls its gateway, as the audience of access tokens. */
export const AUDIENCE = 'https://tools.acme.example';

const GROUPS_MAPPER = {
  name: 'groups',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-group-membership-mapper',
  config: {
    'claim.name': 'groups',
    'full.path': 'false',
    'id.token.claim': 'true',
    'access.token.claim': 'true',
    'introspection.token.claim': 'true',
  },
};

const REALM_ROLES_IN_ID_TOKEN = {
  name: 'realm roles',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-usermodel-realm-role-mapper',
  config: {
    'claim.name': 'realm_access.roles',
    multivalued: 'true',
    'jsonType.label': 'String',
    'id.token.claim': 'true',
  },
};

const AUDIENCE_MAPPER = {
  name: 'audience',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-audience-mapper',
  config: { 'included.custom.audience': AUDIENCE, 'access.token.claim': 'true', 'introspection.token.claim': 'true' },
};

export const person = (username: string, more: object = {}) => ({
  username,
  firstName: username[0]!.toUpperCase() + username.slice(1),
  lastName: 'Example',
  email: `${username}@acme.example`,
  emailVerified: true,
  enabled: true,
  credentials: [{ type: 'password', value: PASSWORD, temporary: false }],
  ...more,
});

/** A company as Keycloak imports it (`RealmRepresentation`). */
export const acmeRealm = () => ({
  realm: REALM,
  enabled: true,
  sslRequired: 'none',
  accessTokenLifespan: 900,
  roles: { realm: [{ name: 'auditor' }] },
  groups: [{ name: 'readers' }, { name: 'writers' }],
  users: [
    person('ann', { groups: ['readers'] }),
    person('bob', { groups: ['writers'], realmRoles: ['auditor'] }),
    person('cat', { groups: ['readers'] }),
    person('dan', { groups: ['readers'] }),
    person('eve', { email: 'eve@elsewhere.example', groups: ['writers'] }),
    person('mal', { emailVerified: false, groups: ['writers'] }),
    person('tim', { groups: ['readers'] }),
  ],
  clients: [
    {
      clientId: CLIENT_ID,
      secret: CLIENT_SECRET,
      publicClient: false,
      standardFlowEnabled: true,
      directAccessGrantsEnabled: false,
      // Keycloak leaves the port of loopback addresses open (RFC 8252 §7.3).
      redirectUris: ['http://127.0.0.1/sign-in/callback/keycloak'],
      attributes: {
        'post.logout.redirect.uris': 'http://127.0.0.1/signed-out',
        'pkce.code.challenge.method': 'S256',
      },
      protocolMappers: [GROUPS_MAPPER, REALM_ROLES_IN_ID_TOKEN],
    },
  ],
});

/** Gets tokens by name and password, which is enough for tests of the tokens themselves. */
const tokenClient = (clientId: string, scopes: readonly string[], protocolMappers: readonly object[]) => ({
  clientId,
  publicClient: true,
  standardFlowEnabled: false,
  directAccessGrantsEnabled: true,
  defaultClientScopes: ['basic', 'profile', 'email', ...scopes],
  protocolMappers,
});

/** The scopes of the gateway, made after the realm: Keycloak makes its own ones only for a realm that comes without any. */
export const MCP_SCOPES = ['mcp', 'mcp:fake:read'].map((name) => ({
  name,
  protocol: 'openid-connect',
  attributes: { 'include.in.token.scope': 'true' },
}));

/** Programs of the company that get access tokens from Keycloak itself. */
export const TOKEN_CLIENTS = [
  tokenClient('agent', ['mcp'], [AUDIENCE_MAPPER, GROUPS_MAPPER]),
  tokenClient('reading-agent', ['mcp:fake:read'], [AUDIENCE_MAPPER, GROUPS_MAPPER]),
  tokenClient('without-scope', [], [AUDIENCE_MAPPER, GROUPS_MAPPER]),
  tokenClient('without-audience', ['mcp'], [GROUPS_MAPPER]),
];
