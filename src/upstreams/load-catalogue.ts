import { AppError } from '../errors/app-error.ts';
import { sha256Hex } from '../lib/sha256.ts';
import { type Catalogue, type CatalogueEntry, eraOf } from '../model/catalogue.ts';
import type { JsonObject } from '../model/json.ts';
import { isRejected, LISTS, type ListName, type RejectedEntry, readEntry } from './catalogue-rules.ts';
import type { ClientIdentity } from './own-request.ts';
import { requestUpstream } from './request-upstream.ts';
import type { Credential, UpstreamConnection } from './upstream-connection.ts';

/** Bounds of one list. An upstream beyond them is broken or hostile. */
const MAX_PAGES = 200;
const MAX_ITEMS = 10_000;

/** A catalogue with what is known about how it came to be. */
export interface LoadedCatalogue {
  readonly catalogue: Catalogue;
  /** Lists that could not be had this time; they are as they were before, empty if they were never had. */
  readonly failed: readonly { readonly list: ListName; readonly error: AppError }[];
  readonly rejected: readonly RejectedEntry[];
  /** Whether any list could be had this time. */
  readonly answered: boolean;
  /** SHA-256 of each list's content, to tell a real change from a repeated one. */
  readonly hashes: Readonly<Record<ListName, string>>;
}

/**
 * Asks for all pages of the lists that the upstream announced. A list that fails keeps its previous entries and is named
 * in `failed`: an error is never an empty list. Entries with an invalid name or one that is there twice are left out and
 * named in `rejected`. Rejects only when every announced list failed and there is no previous catalogue.
 */
export async function loadCatalogue(
  connection: UpstreamConnection,
  options: { credential: Credential; identity: ClientIdentity; previous?: LoadedCatalogue | undefined },
): Promise<LoadedCatalogue> {
  const { previous } = options;
  const failed: { list: ListName; error: AppError }[] = [];
  const rejected: RejectedEntry[] = [];
  const lists: Record<ListName, readonly CatalogueEntry[]> = {
    tools: [],
    prompts: [],
    resources: [],
    resourceTemplates: [],
  };
  const announced = (Object.keys(LISTS) as ListName[]).filter(
    (list) => connection.capabilities[LISTS[list].capability] !== undefined,
  );
  await Promise.all(
    announced.map(async (list) => {
      try {
        const loaded = await loadList(connection, list, options);
        lists[list] = loaded.entries;
        rejected.push(...loaded.rejected);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        failed.push({ list, error });
        lists[list] = previous?.catalogue[list] ?? [];
      }
    }),
  );
  if (previous === undefined && announced.length > 0 && failed.length === announced.length) throw failed[0]!.error;
  const { revision, serverInfo, instructions, capabilities, upstream } = connection;
  const catalogue: Catalogue = {
    upstream: upstream.name,
    revision,
    serverInfo,
    instructions,
    capabilities,
    ...lists,
    fetchedAt: Date.now(),
  };
  const hashOf = (list: ListName) => sha256Hex(JSON.stringify(lists[list].map(({ definition }) => definition)));
  const hashes = {
    tools: hashOf('tools'),
    prompts: hashOf('prompts'),
    resources: hashOf('resources'),
    resourceTemplates: hashOf('resourceTemplates'),
  };
  return { catalogue, failed, rejected, answered: failed.length < announced.length, hashes };
}

async function loadList(
  connection: UpstreamConnection,
  list: ListName,
  options: { credential: Credential; identity: ClientIdentity },
): Promise<{ entries: CatalogueEntry[]; rejected: RejectedEntry[] }> {
  const { method } = LISTS[list];
  const upstream = connection.upstream.name;
  const overHttp = connection.upstream.transport === 'http';
  const entries: CatalogueEntry[] = [];
  const rejected: RejectedEntry[] = [];
  const taken = new Set<string>();
  const cursors = new Set<string>();
  let params: JsonObject | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { result, error } = await requestUpstream(connection, { ...options, method, ...(params && { params }) });
    if (error !== undefined) {
      // Servers with resources but without templates often leave this method out.
      if (list === 'resourceTemplates' && error.code === -32601) return { entries: [], rejected: [] };
      throw new AppError(
        'upstream_invalid',
        `"${upstream}" refuses ${method} (${error.code}: ${error.message.slice(0, 200)}).`,
      );
    }
    const items = result?.[list];
    if (!Array.isArray(items))
      throw new AppError('upstream_invalid', `"${upstream}" answers ${method} without \`${list}\`.`);
    for (const item of items) {
      const entry = readEntry(list, item, connection.revision, overHttp, taken);
      if (isRejected(entry)) rejected.push(entry);
      else entries.push(entry);
      if (entries.length + rejected.length > MAX_ITEMS) throw tooMany(upstream, method, `${MAX_ITEMS} entries`);
    }
    const cursor = result?.nextCursor;
    // An empty cursor is one since 2026-07-28; before, some servers wrote it at the end.
    const last = typeof cursor !== 'string' || (cursor === '' && eraOf(connection.revision) === 'legacy');
    if (last) return { entries, rejected };
    if (cursors.has(cursor))
      throw new AppError('upstream_invalid', `"${upstream}" gives the same page of ${method} again and again.`);
    cursors.add(cursor);
    params = { cursor };
  }
  throw tooMany(upstream, method, `${MAX_PAGES} pages`);
}

function tooMany(upstream: string, method: string, bound: string): AppError {
  return new AppError('upstream_invalid', `"${upstream}" answers ${method} with more than ${bound}.`);
}
