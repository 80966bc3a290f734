import type { Preset } from './preset.ts';

const GITHUB: Preset = {
  title: 'GitHub',
  issuer: 'https://github.com/login/oauth',
  issuerAdvice: 'For GitHub Enterprise Server it is https://{host}/login/oauth.',
  endpoints: { authorization: '{issuer}/authorize', token: '{issuer}/access_token' },
  api: { hosted: 'https://api.github.com', own: '{origin}/api/v3' },
  // It ignores the parameter; the audience of its tokens is the whole API.
  sendResource: false,
  scopes: ['repo', 'read:org', 'read:user'],
  readOnly: { exactly: ['read:org', 'read:user'] },
  commas: 'answers',
  errors: {
    bad_verification_code: 'invalid_grant',
    bad_refresh_token: 'invalid_grant',
    incorrect_client_credentials: 'invalid_client',
    application_suspended: 'invalid_client',
  },
  account: { url: '{api}/user', members: ['login'] },
  revocation: { style: 'github', url: '{api}/applications/{client}/token' },
  notes: [
    'Register an OAuth app or a GitHub App; there is no dynamic registration. Its callback URL is {redirectUri}.',
    'Tokens of an OAuth app do not expire. Those of a GitHub App do, with refresh tokens, unless it opted out.',
    'No scope of an OAuth app reads private repositories without writing them. For that, use a GitHub App: its permissions count, and scopes are ignored.',
  ],
};

const GOOGLE: Preset = {
  title: 'Google',
  issuer: 'https://accounts.google.com',
  // Without both there is no refresh token, or only the first time.
  authorizationParams: { access_type: 'offline', prompt: 'consent' },
  scopes: ['openid', 'email'],
  readOnly: { matching: /^(?:openid|email|profile)$|\.readonly$/ },
  notes: [
    'Create an OAuth client of the type "Web application" with the redirect URI {redirectUri}.',
    'While the consent screen is in "Testing", refresh tokens die after 7 days.',
    'Set `scopes` to what the upstream needs, and enable its API in the project.',
  ],
};

const NOTION: Preset = {
  title: 'Notion',
  issuer: 'https://mcp.notion.com',
  registerAs: 'none',
  account: { members: ['owner.user.person.email', 'workspace_name'] },
  notes: ['Nothing has to be set up there. Everybody chooses the pages that are shared when they connect.'],
};

const SLACK_READS = [
  'search:read.public',
  'search:read.private',
  'search:read.mpim',
  'search:read.im',
  'search:read.files',
  'search:read.users',
  'channels:history',
  'groups:history',
  'mpim:history',
  'im:history',
  'canvases:read',
  'users:read',
  'users:read.email',
];

const SLACK: Preset = {
  title: 'Slack',
  issuer: 'https://slack.com',
  endpoints: { authorization: '{issuer}/oauth/v2_user/authorize', token: '{issuer}/api/oauth.v2.user.access' },
  sendResource: false,
  commas: 'both',
  scopes: [...SLACK_READS, 'chat:write', 'canvases:write'],
  readOnly: { exactly: SLACK_READS },
  tokenTypes: ['user'],
  scopeMember: 'authed_user.scope',
  errors: {
    invalid_code: 'invalid_grant',
    code_already_used: 'invalid_grant',
    invalid_refresh_token: 'invalid_grant',
    token_expired: 'invalid_grant',
    token_revoked: 'invalid_grant',
    account_inactive: 'invalid_grant',
    bad_client_secret: 'invalid_client',
    invalid_client_id: 'invalid_client',
    bad_redirect_uri: 'invalid_request',
    ratelimited: 'temporarily_unavailable',
    internal_error: 'temporarily_unavailable',
    service_unavailable: 'temporarily_unavailable',
  },
  account: { url: '{issuer}/api/auth.test', members: ['user'] },
  revocation: { style: 'slack', url: '{issuer}/api/auth.revoke' },
  notes: [
    'Create an app (internal, or listed in the directory), switch on "Model Context Protocol", and add the user token scopes and the redirect URL {redirectUri}.',
    'Tokens expire, with refresh tokens, only if the app has "token rotation", which cannot be switched off again.',
  ],
};

const ATLASSIAN: Preset = {
  title: 'Atlassian',
  issuer: null,
  issuerOf: {
    'https://mcp.atlassian.com': 'https://cf.mcp.atlassian.com',
    'https://auth.atlassian.com/VCeDsk8ZHncYF1g234fKtc4lNipbBhu3': 'https://auth.atlassian.com',
  },
  authorizationParams: { prompt: 'consent' },
  readOnly: { matching: /^read:|^search:|^openid$|^email$/ },
  notes: [
    'Nothing has to be set up there, but an administrator of the site has to allow the domain of the gateway for Rovo MCP.',
  ],
};

const LINEAR: Preset = {
  title: 'Linear',
  issuer: 'https://mcp.linear.app',
  readOnly: { exactly: ['read'] },
  notes: ['Nothing has to be set up there.'],
};

const ENTRA: Preset = {
  title: 'Microsoft Entra ID',
  issuer: null,
  issuerAdvice: 'It is https://login.microsoftonline.com/{tenant id}/v2.0.',
  pkceUnlisted: true,
  promptless: true,
  // AADSTS9010010: version 2 takes the resource from the scopes alone.
  sendResource: false,
  errors: { interaction_required: 'invalid_grant', consent_required: 'invalid_grant', login_required: 'invalid_grant' },
  notes: [
    'Register an application with the redirect URI {redirectUri} (platform "Web"); there is no dynamic registration.',
    'Set `scopes` to those of the upstream, such as api://{application id}/.default, and to offline_access, without which there are no refresh tokens.',
  ],
};

const KEYCLOAK: Preset = {
  title: 'Keycloak',
  issuer: null,
  issuerAdvice: 'It is https://{host}/realms/{realm}.',
  notes: [
    'Either register a client with the redirect URI {redirectUri} and "Client authentication" on, or allow the gateway in the policies of "Client registration".',
    'Keycloak puts no audience of its own into tokens: give the client an audience mapper for the upstream.',
    'People need the role offline_access, which is one of the default roles, or `scopes` has to be set without it.',
  ],
};

/** By the name that stands in the settings. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  github: GITHUB,
  google: GOOGLE,
  notion: NOTION,
  slack: SLACK,
  atlassian: ATLASSIAN,
  linear: LINEAR,
  entra: ENTRA,
  keycloak: KEYCLOAK,
};
