/** The library that speaks OAuth: read at first use, since it takes longer than the whole rest of a start. */
export const loadOidcLibrary = () => import('oidc-provider');

export type OidcLibrary = Awaited<ReturnType<typeof loadOidcLibrary>>;
export type OidcProvider = InstanceType<OidcLibrary['default']>;
