import { compileGlob } from '../lib/glob.ts';
import type { Catalogue, CatalogueEntry } from '../model/catalogue.ts';

export interface CatalogueIndex {
  readonly tools: ReadonlyMap<string, CatalogueEntry>;
  readonly prompts: ReadonlyMap<string, CatalogueEntry>;
  readonly resources: ReadonlyMap<string, CatalogueEntry>;
  /** Does some URI template of the upstream cover this URI? */
  readonly coversUri: (uri: string) => boolean;
}

/** Catalogues are immutable, so each is indexed once and forgotten with it. */
const indexes = new WeakMap<Catalogue, CatalogueIndex>();

export function indexOf(catalogue: Catalogue): CatalogueIndex {
  let index = indexes.get(catalogue);
  if (index === undefined) {
    const templates = catalogue.resourceTemplates.map((entry) => compileGlob(templateGlob(entry.name)));
    index = {
      tools: byName(catalogue.tools),
      prompts: byName(catalogue.prompts),
      resources: byName(catalogue.resources),
      coversUri: (uri) => templates.some((matches) => matches(uri)),
    };
    indexes.set(catalogue, index);
  }
  return index;
}

const byName = (entries: readonly CatalogueEntry[]) => new Map(entries.map((entry) => [entry.name, entry]));

/**
 * An RFC 6570 template as a glob: every expression may expand to anything. It only finds the upstream that a URI belongs
 * to; whether the caller may read it is decided on the URI itself.
 */
const templateGlob = (template: string): string => template.replaceAll(/\{[^{}]*\}/g, '*');
