import type { Catalogue } from '../model/catalogue.ts';
import type { LoadedCatalogue } from './load-catalogue.ts';

export type ChangedPart = 'tools' | 'prompts' | 'resources' | 'all';

export function sameRejections(before: LoadedCatalogue | undefined, now: LoadedCatalogue): boolean {
  return before !== undefined && JSON.stringify(before.rejected) === JSON.stringify(now.rejected);
}

/** What really changed, by content: a server that announces a change without one disturbs nobody. */
export function changesBetween(before: LoadedCatalogue | undefined, now: LoadedCatalogue): ChangedPart[] {
  if (before === undefined) return ['all'];
  const { catalogue: old } = before;
  const { catalogue } = now;
  const about = (c: Catalogue) => JSON.stringify([c.revision, c.serverInfo, c.instructions, c.capabilities]);
  if (about(old) !== about(catalogue)) return ['all'];
  const parts: ChangedPart[] = [];
  if (before.hashes.tools !== now.hashes.tools) parts.push('tools');
  if (before.hashes.prompts !== now.hashes.prompts) parts.push('prompts');
  const resources = (l: LoadedCatalogue) => l.hashes.resources + l.hashes.resourceTemplates;
  if (resources(before) !== resources(now)) parts.push('resources');
  return parts;
}
