/** One thing that is wrong (or, as a warning, doubtful) with the configuration. Holds no secret value. */
export interface ConfigFault {
  /** Where it stands: `toolgate.yaml:12:5`, `TOOLGATE_AUDIT_MODE`, `--audit-mode`, or `default`. */
  readonly place: string;
  /** The setting, such as `audit.mode` or `upstreams[0].url`. Empty when the fault concerns the file as a whole. */
  readonly setting: string;
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

/** What is wrong before its place is known: a path into the merged settings. */
export interface Finding {
  readonly path: SettingPath;
  readonly problem: string;
  readonly fix: string;
}

export type SettingPath = readonly (string | number)[];

/** All faults of a configuration at once, in the order of the file. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
    super(`The configuration has ${count}:\n\n${faults.map(formatFault).join('\n\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** Two indented lines for people: place and setting, then problem and fix. */
export function formatFault(fault: ConfigFault): string {
  const setting = fault.setting === '' ? '' : `  ${fault.setting}`;
  return `  ${fault.place}${setting}\n    ${fault.problem} ${fault.fix}`;
}

/** `['upstreams', 0, 'auth', 'headers', 'X-Key']` → `upstreams[0].auth.headers.X-Key`. */
export function pathText(path: SettingPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}
