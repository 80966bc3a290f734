import type { IdentityProviderSettings } from '../../config/issuer-schemas.ts';
import type { Secret } from '../../lib/secret.ts';
import { PRESETS } from './presets.ts';
import type { ProviderClient } from './provider-client.ts';

/** One provider of the configuration, without secrets. */
export interface ProviderView extends Pick<IdentityProviderSettings, 'name' | 'preset' | 'issuer'> {
  /** What stands on the button. */
  readonly title: string;
}

export interface IdentityProviders {
  /** In the order of the configuration. */
  list(): ProviderView[];
  /** Null when there is none with this name. */
  find(name: string): Promise<ProviderClient | null>;
  /** Where somebody signs out at the provider; null when it has no such page or cannot be reached. */
  logoutUrl(name: string, idToken: string | null): Promise<string | null>;
}

// The libraries behind these cost start-up time, and only who signs in needs them.
const loadClient = () => import('./provider-client.ts');
const loadLogin = () => import('./provider-login.ts');

/** The configured identity providers, as they are at this moment. */
export function createIdentityProviders({
  settings,
  reveal,
  publicUrl,
  now,
}: {
  settings: () => readonly IdentityProviderSettings[];
  reveal: (configured: Secret) => Promise<Secret>;
  publicUrl: () => string;
  now: () => number;
}): IdentityProviders {
  /** Another configuration brings other settings objects, so nothing outlives what it was made for. */
  const clients = new WeakMap<IdentityProviderSettings, ProviderClient>();

  async function find(name: string): Promise<ProviderClient | null> {
    const provider = settings().find((one) => one.name === name);
    if (provider === undefined) return null;
    const known = clients.get(provider);
    if (known !== undefined) return known;
    const { createProviderClient } = await loadClient();
    const client = clients.get(provider) ?? createProviderClient(provider, reveal, now);
    clients.set(provider, client);
    return client;
  }

  return {
    list: () =>
      settings().map(({ name, preset, issuer, title = PRESETS[preset].title }) => ({ name, preset, issuer, title })),
    find,
    async logoutUrl(name, idToken) {
      const client = await find(name);
      if (client === null) return null;
      const { logoutUrl } = await loadLogin();
      return logoutUrl(client, idToken, `${publicUrl()}/signed-out`).catch(() => null);
    },
  };
}

/** What has to be registered at the provider. */
export const redirectUriOf = (publicUrl: string, provider: string): string =>
  `${publicUrl}/sign-in/callback/${provider}`;
