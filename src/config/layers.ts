import { closestMatch } from '../lib/closest.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import type { ConfigFile } from './config-file.ts';
import type { ConfigFault, SettingPath } from './fault.ts';
import { SETTINGS, type Setting } from './settings.ts';

/** Command-line options, by name in kebab-case or camelCase and without dashes, as option parsers return them. */
export type ConfigFlags = Readonly<Record<string, unknown>>;
export type ConfigEnvironment = Readonly<Record<string, string | undefined>>;

/** What one source says: texts by setting, and how to name the source in a fault. */
interface Layer {
  readonly values: ReadonlyMap<Setting, JsonValue>;
  readonly nameOf: (setting: Setting) => string;
}

/** The sources merged, strongest last, and where each value came from. */
export interface MergedSettings {
  readonly settings: JsonObject;
  /** The file position, variable or flag that set the deepest part of this path; `default` when none did. */
  placeOf(path: SettingPath): string;
  /** Whether some source set this setting. */
  isSet(path: string): boolean;
  /** Whether this setting came from the file, so that relative paths in it start at the file. */
  isFromFile(path: string): boolean;
}

/** Merges file < environment < flags. */
export function mergeLayers(file: ConfigFile | undefined, layers: readonly Layer[]): MergedSettings {
  const settings = structuredClone(file?.settings ?? {});
  const places = new Map<string, string>();
  for (const { values, nameOf } of layers) {
    // A stronger source that chooses one member of such a group has chosen against the others.
    for (const group of new Set([...values.keys()].flatMap(({ oneOf }) => oneOf ?? []))) {
      delete settings[group];
      for (const setting of SETTINGS) if (setting.oneOf === group) places.delete(setting.path);
    }
    for (const [setting, value] of values) {
      if (setAt(settings, setting.keys, value)) places.set(setting.path, nameOf(setting));
    }
  }
  const textAt = (path: SettingPath) => path.filter((key) => typeof key === 'string').join('.');
  const override = (path: string) => [...places].find(([set]) => path === set || path.startsWith(`${set}.`))?.[1];
  const inFile = (path: string) => hasAt(file?.settings, path.split('.'));
  return {
    settings,
    placeOf: (path) => override(textAt(path)) ?? file?.placeOf(path) ?? 'default',
    isSet: (path) => override(path) !== undefined || inFile(path),
    isFromFile: (path) => override(path) === undefined && inFile(path),
  };
}

/** False when the file has something else than a map on the way there, which is a fault of its own. */
function setAt(root: JsonObject, keys: readonly string[], value: JsonValue): boolean {
  let node = root;
  for (const key of keys.slice(0, -1)) {
    node[key] ??= {};
    const next = node[key];
    if (typeof next !== 'object' || next === null || Array.isArray(next)) return false;
    node = next;
  }
  node[keys.at(-1)!] = value;
  return true;
}

function hasAt(root: JsonValue | undefined, keys: readonly string[]): boolean {
  let node = root;
  for (const key of keys) {
    if (typeof node !== 'object' || node === null || Array.isArray(node) || !Object.hasOwn(node, key)) return false;
    node = node[key];
  }
  return true;
}

/** Text from a variable or a flag, as the schema wants it. What does not fit stays text, and the schema says so. */
function readText(setting: Setting, text: string): JsonValue {
  switch (setting.kind) {
    case 'number':
      return /^-?[0-9]{1,15}$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'list':
      return text
        .split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== '');
    default:
      return text;
  }
}

const scalars = SETTINGS.filter((setting) => setting.kind !== 'structure');

/** Variables that are the gateway's but set nothing by themselves. */
const FILE_VARIABLE = 'TOOLGATE_CONFIG';

/**
 * The environment's layer. An empty variable counts as not set: that is how `${X:-}` in a compose file says "no value".
 * An unknown `TOOLGATE_…` variable is a fault when it is nearly the name of a setting, else only a warning: orchestrators
 * put variables of their own next to a service called toolgate.
 *
 * @param ours further variables that are known, such as those that the configuration refers to.
 */
export function environmentLayer(
  env: ConfigEnvironment,
  ours: ReadonlySet<string>,
): { layer: Layer; faults: ConfigFault[]; warnings: ConfigFault[] } {
  const values = new Map<Setting, JsonValue>();
  for (const setting of scalars) {
    const text = env[setting.variable];
    if (text !== undefined && text !== '') values.set(setting, readText(setting, text));
  }
  const known = [FILE_VARIABLE, ...scalars.map(({ variable }) => variable)];
  const faults: ConfigFault[] = [];
  const warnings: ConfigFault[] = [];
  for (const name of Object.keys(env).sort()) {
    if (!name.startsWith('TOOLGATE_') || known.includes(name) || ours.has(name)) continue;
    const meant = closestMatch(
      name.slice(9),
      known.map((variable) => variable.slice(9)),
    );
    const problem = 'The gateway knows no such variable.';
    if (meant === null) warnings.push({ place: name, setting: '', problem, fix: 'It is ignored.' });
    else faults.push({ place: name, setting: '', problem, fix: `Did you mean \`TOOLGATE_${meant}\`?` });
  }
  return { layer: { values, nameOf: ({ variable }) => variable }, faults, warnings };
}

/** The command line's layer. */
export function flagLayer(flags: ConfigFlags): { layer: Layer; faults: ConfigFault[] } {
  const values = new Map<Setting, JsonValue>();
  const faults: ConfigFault[] = [];
  for (const [given, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const name = given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (name === 'config') continue;
    const setting = scalars.find(({ flag }) => flag === name);
    if (setting !== undefined) {
      values.set(setting, Array.isArray(value) ? value.map(String) : readText(setting, String(value)));
      continue;
    }
    const meant = closestMatch(
      name,
      scalars.map(({ flag }) => flag),
    );
    const fix = meant === null ? 'See `toolgate serve --help`.' : `Did you mean \`--${meant}\`?`;
    faults.push({ place: `--${name}`, setting: '', problem: 'There is no such flag.', fix });
  }
  return { layer: { values, nameOf: ({ flag }) => `--${flag}` }, faults };
}
