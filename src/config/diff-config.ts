import { isDeepStrictEqual } from 'node:util';
import type { Secret } from '../lib/secret.ts';
import type { Config } from './config.ts';
import { SETTINGS } from './settings.ts';

/** What changed between two configurations, by how it can be put into effect. Names only, no values. */
export interface ConfigDiff {
  /** Settings that a running gateway can take over, such as `allowedHosts`. */
  readonly live: readonly string[];
  /** Settings that stay as they are until the next start, such as `listen.port`. */
  readonly restart: readonly string[];
  /** Names of upstreams. Taking these over touches no other upstream. */
  readonly upstreams: {
    readonly added: readonly string[];
    readonly changed: readonly string[];
    readonly removed: readonly string[];
  };
  readonly rolesChanged: boolean;
}

/**
 * Compares the configuration in effect with one that was read again. What a reference stands for is not looked at: a new
 * value of a variable or of a vault entry is no change here.
 */
export function diffConfig(before: Config, after: Config): ConfigDiff {
  const live: string[] = [];
  const restart: string[] = [];
  for (const setting of SETTINGS) {
    if (setting.kind === 'structure') continue;
    if (isDeepStrictEqual(valueAt(before, setting.keys), valueAt(after, setting.keys))) continue;
    (setting.needsRestart ? restart : live).push(setting.path);
  }
  const old = upstreamsByName(before);
  const now = upstreamsByName(after);
  return {
    live,
    restart,
    upstreams: {
      added: [...now.keys()].filter((name) => !old.has(name)),
      changed: [...now.keys()].filter((name) => old.has(name) && !isDeepStrictEqual(old.get(name), now.get(name))),
      removed: [...old.keys()].filter((name) => !now.has(name)),
    },
    rolesChanged: !isDeepStrictEqual(before.roles, after.roles),
  };
}

function valueAt(config: Config, keys: readonly string[]): unknown {
  let node: unknown = config;
  for (const key of keys) node = (node as Record<string, unknown> | undefined)?.[key];
  return node;
}

/** Templates are revealed for the comparison, because a Secret looks like every other Secret from outside. */
function upstreamsByName(config: Config): Map<string, unknown> {
  const revealed = (templates: Iterable<readonly [string, Secret]> = []) =>
    [...templates].map(([name, template]) => [name, template.reveal()]);
  return new Map(
    config.upstreams.map((upstream) => {
      const headers = revealed(config.upstreamHeaders.get(upstream.name));
      const secrets = revealed(config.upstreamSecrets.get(upstream.name));
      return [upstream.name, { upstream, headers, secrets }];
    }),
  );
}
