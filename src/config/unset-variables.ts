import { Secret } from '../lib/secret.ts';
import type { Finding, SettingPath } from './fault.ts';
import type { ConfigEnvironment } from './layers.ts';
import { parseTemplate, referencesOf } from './references.ts';

/**
 * Secrets whose variable is not set. They are read when they are used, and other commands need none of them, so this is no
 * fault: but a gateway that starts without has a provider at which nobody can sign in.
 */
export function unsetVariables(value: unknown, path: SettingPath, env: ConfigEnvironment): Finding[] {
  if (value instanceof Secret) {
    return referencesOf(parseTemplate(value.reveal()), 'env')
      .filter((name) => !env[name])
      .map((name) => ({
        path,
        problem: `The environment variable ${name} is not set.`,
        fix: 'Set it where the gateway is started.',
      }));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    unsetVariables(member, [...path, Array.isArray(value) ? Number(key) : key], env),
  );
}
