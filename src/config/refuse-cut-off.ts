import { ConfigError } from './fault.ts';
import type { LoadedConfig } from './load-config.ts';

/**
 * An editor or a script that is writing the file leaves it empty or cut off for a moment, and a disk that is full for
 * longer. Such a file is valid, but says that there are no upstreams, and a running gateway would end them all. So to a
 * running gateway this has to be said: `upstreams: []`. A list that was cut off between two entries cannot be told from a
 * shorter one.
 *
 * @throws ConfigError when `after` should not replace `before`
 */
export function refuseCutOff(before: LoadedConfig, after: LoadedConfig): void {
  const isEmpty = before.fileKeys.length > 0 && after.fileKeys.length === 0;
  const hasLost = before.config.upstreams.length > 0 && !after.fileKeys.includes('upstreams');
  if (!isEmpty && !hasLost) return;
  const problem = isEmpty ? 'The file says nothing any more' : 'The file does not say `upstreams` any more';
  throw new ConfigError([
    {
      place: after.file ?? before.file ?? 'default',
      setting: 'upstreams',
      problem: `${after.file === undefined ? 'There is no file any more' : problem}, as if it had been cut off.`,
      fix: 'Restore it. If all upstreams of the file are to go, write `upstreams: []`.',
    },
  ]);
}
