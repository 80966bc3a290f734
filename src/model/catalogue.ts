import type { JsonObject } from './json.ts';

export const PROTOCOL_REVISIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof PROTOCOL_REVISIONS)[number];

/** `modern` revisions are stateless (2026-07-28 on); `legacy` ones open a session with `initialize`. */
export type Era = 'legacy' | 'modern';

export const eraOf = (revision: Revision): Era => (revision >= '2026-07-28' ? 'modern' : 'legacy');

/** A primitive that a role can allow: what `tools/call`, `prompts/get` and `resources/read` name. */
export type PrimitiveKind = 'tool' | 'prompt' | 'resource';

/** One entry of an upstream's list, exactly as the upstream defined it. */
export interface CatalogueEntry {
  /** Tool or prompt name, resource URI or URI template, as the upstream knows it. */
  readonly name: string;
  readonly definition: JsonObject;
  /**
   * Tool annotations, as the upstream claims them, with the specification's defaults: a tool that says nothing may change
   * things, and destroy them. False for what is no tool.
   */
  readonly readOnly: boolean;
  readonly destructive: boolean;
}

/** What one upstream offers to one credential. Immutable; a change makes a new one. */
export interface Catalogue {
  readonly upstream: string;
  readonly revision: Revision;
  readonly serverInfo: JsonObject;
  readonly instructions: string | undefined;
  readonly capabilities: JsonObject;
  readonly tools: readonly CatalogueEntry[];
  readonly prompts: readonly CatalogueEntry[];
  readonly resources: readonly CatalogueEntry[];
  readonly resourceTemplates: readonly CatalogueEntry[];
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number;
}
