import { AppError, toAppError } from '../errors/app-error.ts';
import { createLru, type Lru } from '../lib/lru.ts';
import type { Catalogue } from '../model/catalogue.ts';
import type { Caller, PrincipalRef } from '../model/principal.ts';
import type { Role } from '../model/role.ts';
import { isPersonal, type Upstream } from '../model/upstream.ts';
import type { DecisionTable } from '../policy/decision-table.ts';
import { mayUseUpstream } from '../policy/may-use-upstream.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import type { VisibleList } from './lists.ts';
import type { Mount } from './mount.ts';
import { missingScope } from './token-scopes.ts';

/** Lists of this many (role set, mount, kind) combinations are kept ready. */
const MAX_LISTS = 2_000;

/** What is declared, in the configuration file and over the API. */
export interface Declared {
  readonly upstreams: readonly Upstream[];
  readonly roles: readonly Role[];
  readonly policy: DecisionTable;
}

/** Everything a request is decided on. Immutable but for its caches; replaced whole when something changes. */
export interface Snapshot {
  /** Enabled upstreams, by name in alphabetical order. */
  readonly upstreams: ReadonlyMap<string, Upstream>;
  /** The same, as a list. */
  readonly all: readonly Upstream[];
  /** Those with a catalogue for every caller. */
  readonly personal: readonly Upstream[];
  readonly policy: DecisionTable;
  readonly lists: Lru<string, VisibleList>;
  catalogueOf(upstream: Upstream, caller: Caller): Catalogue | undefined;
  /** Whether rules leave the caller anything of the upstream. To everybody else it is as unknown as one that never was. */
  mayUse(caller: Caller, upstream: string): boolean;
}

export function createSnapshot({ upstreams, roles, policy }: Declared, registry: Upstreams): Snapshot {
  const enabled = upstreams.filter((upstream) => upstream.enabled).sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    upstreams: new Map(enabled.map((upstream) => [upstream.name, upstream])),
    all: enabled,
    personal: enabled.filter(({ auth }) => isPersonal(auth)),
    policy,
    lists: createLru(MAX_LISTS),
    catalogueOf: (upstream, caller) => registry.catalogue(upstream.name, ownerOf(upstream, caller)),
    mayUse: (caller, upstream) => mayUseUpstream(roles, caller, upstream),
  };
}

/** Whose catalogue and credential a call of this caller uses: its own where the upstream asks for that, else the shared one. */
export function ownerOf(upstream: Upstream, caller: Caller): Caller['principal'] | undefined {
  return isPersonal(upstream.auth) ? caller.principal : undefined;
}

/** The upstreams that a mount shows: its own one (none when it is unknown or disabled), or all. */
export function mounted(snapshot: Snapshot, mount: Mount): readonly Upstream[] {
  if (mount.upstream === null) return snapshot.all;
  const upstream = snapshot.upstreams.get(mount.upstream);
  return upstream === undefined ? [] : [upstream];
}

/** Milliseconds that one upstream may keep the lists of the others waiting; what it offers is announced when it is there. */
const PATIENCE_MS = 3_000;

const NONE: readonly Upstream[] = [];

/**
 * Loads what is not in memory yet of the catalogues that belong to this caller alone. Failures show in `upstream list`.
 * On `/mcp` it does not wait for long. Resolves to those that cannot be had before the caller connects an account.
 */
export async function loadOwnCatalogues(
  registry: Upstreams,
  snapshot: Snapshot,
  mount: Mount,
  caller: Caller,
): Promise<readonly Upstream[]> {
  const missing = snapshot.personal.filter(
    ({ name }) =>
      (mount.upstream === null || mount.upstream === name) && registry.catalogue(name, caller.principal) === undefined,
  );
  if (missing.length === 0) return NONE;
  const unconnected = new Set<Upstream>();
  const loaded = Promise.all(
    missing.map(async (upstream) => {
      const failure = await failureToLoad(registry, upstream, caller.principal);
      if (failure?.code === 'connection_required') unconnected.add(upstream);
    }),
  );
  if (mount.upstream === null) await withPatience(loaded);
  else await loaded;
  return missing.filter((upstream) => unconnected.has(upstream));
}

const failureToLoad = (registry: Upstreams, { name }: Upstream, owner: PrincipalRef): Promise<AppError | undefined> =>
  registry.loadCatalogue(name, owner).then(() => undefined, toAppError);

async function withPatience(work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, PATIENCE_MS);
  await Promise.race([work, late.promise]);
  clearTimeout(timer);
}

/**
 * What a caller is told that would use an upstream of which nothing is known: what the caller can change about it, if so.
 * A token that covers nothing of the upstream is not asked to connect an account there, but is told what it lacks.
 */
export async function whyUnreachable(registry: Upstreams, upstream: Upstream, caller: Caller): Promise<AppError> {
  const owner = ownerOf(upstream, caller);
  if (owner !== undefined) {
    const narrower = missingScope(caller, upstream.name);
    if (narrower !== null) return narrower;
    const failure = await failureToLoad(registry, upstream, owner);
    if (failure !== undefined && CALLERS_OWN.has(failure.code)) return failure;
  }
  const failure = registry.status().find(({ name }) => name === upstream.name)?.lastError?.code;
  const why = ADMINISTRATORS.get(failure ?? '') ?? 'cannot be reached right now; try again later.';
  return new AppError('upstream_unavailable', `${upstream.name} ${why}`);
}

/** What is wrong with a shared upstream that no patience of the caller's mends, by the code of its failure. */
const ADMINISTRATORS: ReadonlyMap<string, string> = new Map([
  ['connection_required', 'cannot be used yet: an administrator has to connect it first.'],
  ['upstream_credential_missing', 'cannot be used yet: an administrator has to store its credential first.'],
]);

const CALLERS_OWN: ReadonlySet<string> = new Set([
  'upstream_credential_missing',
  'upstream_credential_rejected',
  'connection_required',
  'connection_stopped',
]);
