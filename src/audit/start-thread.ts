import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

/** Starts a worker thread from a module beside this one: `.ts` when run from the sources, `.js` in the built package. */
export function startThread(module: 'writer-worker' | 'reader-worker', workerData: unknown): Worker {
  return new Worker(new URL(`./${module}${extname(import.meta.url)}`, import.meta.url), {
    workerData,
    name: `audit ${module}`,
    // Nothing of the gateway's environment is needed there, and it may hold secrets.
    env: {},
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // What these threads allocate is short-lived; a small young generation keeps their memory small.
    resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 256 },
  });
}
