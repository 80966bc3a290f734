import type { Upstream } from '../model/upstream.ts';
import type { Config } from './config.ts';
import { parseTemplate, referencesOf } from './references.ts';

/** One `${vault:NAME}` in the configuration file. */
export interface VaultReference {
  readonly upstream: string;
  readonly name: string;
}

/** What the upstreams of the configuration file refer to in the vault, each once, in order of the file. */
export function vaultReferencesOf({ upstreams, upstreamHeaders, upstreamSecrets }: Config): VaultReference[] {
  const templatesOf = (upstream: Upstream): string[] => {
    if (upstream.transport === 'stdio') return Object.values(upstream.env);
    const headers = (upstreamHeaders.get(upstream.name) ?? []).map(([, template]) => template);
    const secrets = upstreamSecrets.get(upstream.name)?.values() ?? [];
    return [...headers, ...secrets].map((template) => template.reveal());
  };
  return upstreams.flatMap((upstream) => {
    const names = templatesOf(upstream).flatMap((template) => referencesOf(parseTemplate(template), 'vault'));
    return [...new Set(names)].map((name) => ({ upstream: upstream.name, name }));
  });
}
