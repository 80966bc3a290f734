import { access } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Config, localUrl, type MasterKeySource } from './config.ts';
import { type ConfigFile, readConfigFile } from './config-file.ts';
import { checkExchanges, checkSignInNeeds, checkTogether, doubtsAbout } from './cross-rules.ts';
import { ConfigError, type ConfigFault, type Finding, pathText, type SettingPath } from './fault.ts';
import {
  type ConfigEnvironment,
  type ConfigFlags,
  environmentLayer,
  flagLayer,
  type MergedSettings,
  mergeLayers,
} from './layers.ts';
import { parseSettings } from './parse-settings.ts';
import { readUpstreams } from './read-upstreams.ts';
import type { Settings } from './schema.ts';
import { unsetVariables } from './unset-variables.ts';

const FILE_NAME = 'toolgate.yaml';

export interface LoadOptions {
  readonly flags?: ConfigFlags | undefined;
  readonly env: ConfigEnvironment;
  /** Absolute. */
  readonly cwd: string;
  /** `TOOLGATE_…` variables that mean something to the caller, so that they are not reported as unknown. */
  readonly ownVariables?: readonly string[] | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Nothing here keeps the gateway from starting. */
  readonly warnings: readonly ConfigFault[];
  /** Absolute path of the file that was read, if any. */
  readonly file: string | undefined;
  /** The keys that stand in it, outermost only. */
  readonly fileKeys: readonly string[];
  /** Names the place of a setting, for faults that are found later, such as in `roles`. */
  placeOf(path: SettingPath): string;
}

/**
 * Reads the configuration: flags over environment over file over defaults. The file is the one that `--config` or
 * `TOOLGATE_CONFIG` names, else `toolgate.yaml` in the working directory, else in the data folder, else none.
 *
 * @throws ConfigError with every fault that there is.
 */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const { flags = {}, env, cwd } = options;
  const found = await findFile(flags, env, cwd);
  const file = found === undefined ? undefined : await readConfigFile(found.path, cwd);
  const fileFaults = file?.faults ?? [];
  const referenced = referencedVariables(file, flags, env);
  const environment = environmentLayer(env, new Set([...(options.ownVariables ?? []), ...referenced]));
  const commandLine = flagLayer(flags);
  const merged = mergeLayers(file, [environment.layer, commandLine.layer]);
  const folder = file === undefined ? cwd : dirname(file.path);

  const parsed = parseSettings(merged.settings);
  const { settings } = parsed;
  const upstreams = readUpstreams(settings.upstreams, folder, env);
  const config: Config = {
    ...settings,
    publicUrl: settings.publicUrl ?? localUrl(settings.listen.host, settings.listen.port),
    ...pathsOf(settings, merged, cwd, folder),
    upstreams: upstreams.upstreams,
    upstreamHeaders: upstreams.headers,
    upstreamSecrets: upstreams.secrets,
  };
  const findings = [
    ...parsed.faults,
    // Half of the settings are missing while the file cannot be read.
    ...(fileFaults.length > 0 ? [] : checkTogether(parsed, env)),
    ...checkFilePlace(config.dataDir, found, merged),
    ...upstreams.faults,
    ...(parsed.isFaulty('oauth.identityProviders') ? [] : checkExchanges(settings, upstreams.upstreams)),
    ...(parsed.isFaulty('oauth.enabled') ? [] : checkSignInNeeds(settings, upstreams.upstreams)),
  ];
  const place = ({ path, problem, fix }: Finding): ConfigFault => {
    return { place: merged.placeOf(path), setting: pathText(path), problem, fix };
  };
  const faults = [...fileFaults, ...findings.map(place), ...environment.faults, ...commandLine.faults];
  if (faults.length > 0) throw new ConfigError(faults.sort((a, b) => lineOf(a) - lineOf(b)));
  return {
    config,
    warnings: [
      ...[...doubtsAbout(settings), ...unsetVariables(settings.oauth, ['oauth'], env), ...upstreams.warnings].map(
        place,
      ),
      ...environment.warnings,
    ],
    file: file?.path,
    fileKeys: Object.keys(file?.settings ?? {}),
    placeOf: merged.placeOf,
  };
}

/** The file's faults come first, in its order; those of variables and flags stay behind them as they are. */
const lineOf = ({ place }: ConfigFault): number =>
  Number(/:([0-9]+):[0-9]+$/.exec(place)?.[1] ?? Number.MAX_SAFE_INTEGER);

interface FoundFile {
  /** Absolute. */
  readonly path: string;
  /** It was looked for in the data folder, which was therefore known before the file. */
  readonly inDataDir: boolean;
}

async function findFile(flags: ConfigFlags, env: ConfigEnvironment, cwd: string): Promise<FoundFile | undefined> {
  const named = flags.config ?? (env.TOOLGATE_CONFIG || undefined);
  if (named !== undefined) return { path: resolve(cwd, String(named)), inDataDir: false };
  const dataDir = String(flags.dataDir ?? flags['data-dir'] ?? (env.TOOLGATE_DATA_DIR || './toolgate-data'));
  const candidates = [
    { path: resolve(cwd, FILE_NAME), inDataDir: false },
    { path: resolve(cwd, dataDir, FILE_NAME), inDataDir: true },
  ];
  for (const candidate of candidates) {
    const exists = await access(candidate.path).then(
      () => true,
      () => false,
    );
    if (exists) return candidate;
  }
  return undefined;
}

/** Variables that the configuration reads by name; those may begin with TOOLGATE_ as well. */
function referencedVariables(file: ConfigFile | undefined, flags: ConfigFlags, env: ConfigEnvironment): string[] {
  const inFile = JSON.stringify(file?.settings ?? {}).matchAll(/\$\{env:(\w+)\}|"env":"(\w+)"/g);
  const masterKey = [flags.masterKeyEnv, flags['master-key-env'], env.TOOLGATE_MASTER_KEY_ENV];
  return [...[...inFile].flatMap((match) => match[1] ?? match[2] ?? []), ...masterKey.map(String)];
}

/** Relative paths start where they were written: in the file at its folder, elsewhere at the working directory. */
function pathsOf(
  settings: Settings,
  merged: MergedSettings,
  cwd: string,
  folder: string,
): { dataDir: string; masterKey: MasterKeySource } {
  const absolute = (path: string, setting: string) => resolve(merged.isFromFile(setting) ? folder : cwd, path);
  const dataDir = absolute(settings.dataDir, 'dataDir');
  const { file, env, fd } = settings.masterKey;
  let masterKey: MasterKeySource = { file: resolve(dataDir, 'master.key') };
  if (file !== undefined) masterKey = { file: absolute(file, 'masterKey.file') };
  else if (env !== undefined) masterKey = { env };
  else if (fd !== undefined) masterKey = { fd };
  return { dataDir, masterKey };
}

/** Such a file would be read at one start, and at the next one the other data folder would be in use. */
function checkFilePlace(dataDir: string, found: FoundFile | undefined, merged: MergedSettings): Finding[] {
  if (!found?.inDataDir || !merged.isFromFile('dataDir') || dirname(found.path) === dataDir) return [];
  return [
    {
      path: ['dataDir'],
      problem: 'The configuration file in a data folder names another data folder.',
      fix: 'Remove `dataDir` here, or move the file out of the data folder.',
    },
  ];
}
