import type { ClientSecretTemplates } from '../config/config.ts';
import { fillTemplate } from '../config/references.ts';
import { AppError } from '../errors/app-error.ts';
import { Secret } from '../lib/secret.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import type { ClientSecretName } from '../model/upstream.ts';
import { SHARED, type Vault } from '../vault/vault.ts';

export interface ClientSecretsOptions {
  readonly vault: Pick<Vault, 'get'>;
  /** What the configuration file says, with references; it goes before what is in the vault under the entry's own name. */
  readonly templates: (upstream: string) => ClientSecretTemplates | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly tenantId?: string | undefined;
}

/** What the client that was registered by hand proves itself with, read at the moment of use; null when nothing is stored. */
export type ClientSecretOf = (upstream: string, name: ClientSecretName) => Promise<Secret | null>;

/** The function rejects with AppError `upstream_credential_missing` when a reference of the file leads nowhere. */
export function createClientSecrets(options: ClientSecretsOptions): ClientSecretOf {
  const { vault, templates, env, tenantId = DEFAULT_TENANT } = options;
  return async (upstream, name) => {
    const stored = (entry: string) => vault.get({ tenantId, upstream, owner: SHARED, name: entry });
    const template = templates(upstream)?.get(name);
    if (template === undefined) return stored(name);
    try {
      const filled = await fillTemplate(template.reveal(), {
        env: (variable) => env[variable],
        vault: async (entry) => (await stored(entry))?.reveal(),
      });
      return new Secret(filled);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const what = name === 'client-key' ? 'key' : 'secret';
      throw new AppError(
        'upstream_credential_missing',
        `"${upstream}" cannot be connected: the ${what} of its client is not there. ${error.message}`,
      );
    }
  };
}
