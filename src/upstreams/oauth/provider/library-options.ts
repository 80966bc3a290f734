import * as oauth from 'oauth4webapi';
import type { UpstreamOauth } from '../../../model/upstream.ts';
import type { Provider, ProviderFetch } from './provider.ts';

/**
 * What every request through the library needs: our guarded fetch, and plain http where the reach is `loopback` (the fetch
 * allows it there for this machine alone).
 */
export const libraryOptions = (reach: UpstreamOauth['reach'], fetch: ProviderFetch) => ({
  [oauth.customFetch]: fetch,
  ...(reach === 'loopback' && { [oauth.allowInsecureRequests]: true }),
});

/** Parameters of a token request: the `resource` of RFC 8707, as it was in the authorization request. */
export const resourceParameter = ({ resource }: Provider): Record<string, string> =>
  resource === null ? {} : { resource };
