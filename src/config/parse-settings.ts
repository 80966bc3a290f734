import type { JsonObject, JsonValue } from '../model/json.ts';
import { explainIssue } from './explain-issue.ts';
import type { Finding } from './fault.ts';
import { type Settings, SettingsSchema } from './schema.ts';

/** Settings that were checked one by one, with every fault found. */
export interface ParsedSettings {
  /** What is at fault has its default here, so that rules across settings and the entries of lists are checked as well. */
  readonly settings: Settings;
  readonly faults: Finding[];
  /** Whether this setting, or the group that it is in, was at fault: then its value here means nothing. */
  isFaulty(path: string): boolean;
}

/** Checks merged settings against the schema. */
export function parseSettings(raw: JsonObject): ParsedSettings {
  const parsed = SettingsSchema.safeParse(raw, { reportInput: true });
  if (parsed.success) return { settings: parsed.data, faults: [], isFaulty: () => false };
  const sound = structuredClone(raw);
  const faulty = new Set<string>();
  for (const issue of parsed.error.issues) {
    // A faulty entry of a list discredits the whole list.
    const list = issue.path.findIndex((key) => typeof key === 'number');
    const keys = issue.path.slice(0, list < 0 ? undefined : list).map(String);
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) removeAt(sound, [...keys, key]);
    } else {
      removeAt(sound, keys);
      faulty.add(keys.join('.'));
    }
  }
  return {
    settings: SettingsSchema.parse(sound),
    faults: parsed.error.issues.flatMap((issue) => explainIssue(issue, SettingsSchema)),
    isFaulty: (path) => [...faulty].some((at) => path === at || path.startsWith(`${at}.`)),
  };
}

function removeAt(root: JsonObject, keys: readonly string[]): void {
  let node: JsonValue | undefined = root;
  for (const key of keys.slice(0, -1)) {
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
    node = node[key];
  }
  if (typeof node === 'object' && node !== null && !Array.isArray(node)) delete node[keys.at(-1)!];
}
