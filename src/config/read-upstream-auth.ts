import { Secret } from '../lib/secret.ts';
import type { ClientAuthMethod, UpstreamAuth, UpstreamOauth } from '../model/upstream.ts';
import type { ClientSecretTemplates, HeaderTemplate } from './config.ts';
import type { UpstreamAuthEntry } from './upstream-auth-schema.ts';

/** `auth` as the gateway works with it: names and settings on the one side, what is secret on the other. */
export interface AuthReading {
  readonly auth: UpstreamAuth;
  readonly headers: readonly HeaderTemplate[] | undefined;
  readonly secrets: ClientSecretTemplates | undefined;
}

/** @param entry of which at most one member is set */
export function readUpstreamAuth(entry: UpstreamAuthEntry): AuthReading {
  const { headers, headersPerUser, oauth, clientCredentials, tokenExchange } = entry;
  if (headers !== undefined) {
    return {
      auth: { kind: 'headers', names: Object.keys(headers) },
      headers: Object.entries(headers).map(([name, value]) => [name, new Secret(value)] as const),
      secrets: undefined,
    };
  }
  if (oauth !== undefined) {
    const kind = oauth.owner === 'shared' ? 'oauth-shared' : 'oauth-per-user';
    return withClient({ kind, oauth: { ...settingsOf(oauth, 'none'), readOnly: oauth.readOnly } }, oauth);
  }
  if (clientCredentials !== undefined) {
    const oauth = settingsOf(clientCredentials, 'client_secret_basic');
    return withClient({ kind: 'client-credentials', oauth }, clientCredentials);
  }
  if (tokenExchange !== undefined) {
    const { grant, identityProvider, audience = null } = tokenExchange;
    const exchange =
      identityProvider === undefined
        ? ({ grant, subject: 'gateway', provider: null, audience } as const)
        : ({ grant, subject: 'identity-provider', provider: identityProvider, audience } as const);
    return withClient(
      { kind: 'token-exchange', oauth: { ...settingsOf(tokenExchange, 'none'), exchange } },
      tokenExchange,
    );
  }
  const auth: UpstreamAuth =
    headersPerUser === undefined ? { kind: 'none' } : { kind: 'headers-per-user', names: headersPerUser };
  return { auth, headers: undefined, secrets: undefined };
}

type ProviderEntry = Omit<NonNullable<UpstreamAuthEntry['oauth']>, 'owner' | 'readOnly'>;

/** @param otherwise how a client proves itself of which neither secret, key nor method stand here */
function settingsOf(entry: ProviderEntry, otherwise: ClientAuthMethod): UpstreamOauth {
  const { preset = null, issuer = null, clientId, clientSecret, clientKey, scopes = null, sendResource = null } = entry;
  let authMethod = entry.authMethod ?? otherwise;
  if (entry.authMethod === undefined && clientSecret !== undefined) authMethod = 'client_secret_basic';
  if (clientKey !== undefined) authMethod = 'private_key_jwt';
  const client = clientId === undefined ? null : { id: clientId, authMethod };
  return { preset, issuer, client, scopes, readOnly: false, sendResource, reach: entry.reach, exchange: null };
}

function withClient(auth: UpstreamAuth, { clientSecret, clientKey }: ProviderEntry): AuthReading {
  const secrets: ClientSecretTemplates = new Map([
    ...(clientSecret === undefined ? [] : [['client-secret', new Secret(clientSecret)] as const]),
    ...(clientKey === undefined ? [] : [['client-key', new Secret(clientKey)] as const]),
  ]);
  return { auth, headers: undefined, secrets: secrets.size === 0 ? undefined : secrets };
}
