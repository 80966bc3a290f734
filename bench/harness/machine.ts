import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { canPin } from './start-process.ts';

/** What the numbers depend on, without saying whose machine it is. */
export function machineFacts(): string[] {
  return [
    `Node ${process.version}, ${type()} ${release().split('-')[0]}`,
    `${availableParallelism()} processors (${cpus()[0]?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB of memory`,
    canPin()
      ? 'The measured server has one half of the processors, load generator and upstream the other.'
      : 'Processes are not pinned to processors.',
  ];
}
