import { type LoadedConfig, loadConfig } from '../config/load-config.ts';
import type { CliContext, SharedOptions } from './invocation.ts';

/** Variables of the command line, which the gateway does not know. */
const OWN_VARIABLES = ['TOOLGATE_URL', 'TOOLGATE_KEY'];

/**
 * The configuration that a gateway started here would have. Throws ConfigError.
 *
 * @param flags settings by option name, beside the two that every command takes
 */
export function loadLocalConfig(
  { env, cwd }: Pick<CliContext, 'env' | 'cwd'>,
  { config, dataDir }: Pick<SharedOptions, 'config' | 'dataDir'>,
  flags: Readonly<Record<string, unknown>> = {},
): Promise<LoadedConfig> {
  return loadConfig({ flags: { ...flags, config, dataDir }, env, cwd, ownVariables: OWN_VARIABLES });
}
