import { asFetch } from '../../src/lib/safe-fetch.ts';
import { Secret } from '../../src/lib/secret.ts';
import type { UpstreamOauth } from '../../src/model/upstream.ts';
import type { ProviderClient } from '../../src/upstreams/oauth/provider/provider.ts';

/** The guarded fetch of upstreams whose reach is `loopback`. */
export const loopbackFetch = asFetch({ reach: 'loopback-too', maxBytes: 512 * 1024 });

/** Settings of an upstream whose provider is on this machine. */
export const oauthSettings = (changes: Partial<UpstreamOauth> = {}): UpstreamOauth => ({
  preset: null,
  issuer: null,
  client: null,
  scopes: null,
  readOnly: false,
  sendResource: null,
  reach: 'loopback',
  exchange: null,
  ...changes,
});

/** A client that was registered by hand, and is not bound to a provider yet. */
export const configuredClient = (changes: Partial<ProviderClient> = {}): ProviderClient => ({
  id: 'toolgate',
  authMethod: 'client_secret_basic',
  secret: new Secret('s~cret:+/ü'),
  key: null,
  source: 'configured',
  secretExpiresAt: null,
  issuer: null,
  ...changes,
});
