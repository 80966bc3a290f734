/** Where the endpoints are, below the path of the issuer. The names are the library's. */
export const ENDPOINTS = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  jwks: '/oauth/jwks',
  registration: '/oauth/register',
  pushed_authorization_request: '/oauth/par',
  revocation: '/oauth/revoke',
  introspection: '/oauth/introspect',
  device_authorization: '/oauth/device_authorization',
  code_verification: '/oauth/device',
  end_session: '/oauth/end-session',
} as const;

/** What clients of 2025-03-26 call that find no metadata: at the origin, whatever the path of the issuer. */
export const LEGACY_ENDPOINTS = [
  ['/authorize', ENDPOINTS.authorization],
  ['/token', ENDPOINTS.token],
  ['/register', ENDPOINTS.registration],
] as const;
