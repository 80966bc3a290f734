import { isObject, type JsonRpcRequest } from '../mcp/message.ts';
import { splitName } from '../mcp/tool-names.ts';
import type { CatalogueEntry, PrimitiveKind } from '../model/catalogue.ts';
import type { Decision, Target } from '../model/decision.ts';
import type { Caller } from '../model/principal.ts';
import type { Upstream } from '../model/upstream.ts';
import { indexOf } from './catalogue-index.ts';
import { targetOf } from './lists.ts';
import type { Mount } from './mount.ts';
import { mounted, type Snapshot } from './snapshot.ts';

/** Where a request goes and what is decided on. */
export interface Route {
  readonly upstream: Upstream;
  readonly target: Target;
  readonly entry: CatalogueEntry | undefined;
  readonly decision: Decision;
  /** A tool of the gateway's own, which goes to no upstream. */
  readonly own?: true;
}

/** What a request names, before it is known whether that exists. */
export interface Subject {
  readonly kind: PrimitiveKind;
  /** As the client wrote it. */
  readonly name: string;
}

/** The subject of a request that is decided and forwarded; null when its parameters name none. */
export function subjectOfRequest({ method, params }: JsonRpcRequest): Subject | null {
  const subject = (kind: PrimitiveKind, name: unknown): Subject | null =>
    typeof name === 'string' && name !== '' ? { kind, name } : null;
  switch (method) {
    case 'tools/call':
      return subject('tool', params?.name);
    case 'prompts/get':
      return subject('prompt', params?.name);
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return subject('resource', params?.uri);
    case 'completion/complete': {
      const ref = params?.ref;
      if (!isObject(ref)) return null;
      // Exactly these two: a server that folds case would decide otherwise on another spelling.
      if (ref.type === 'ref/prompt') return subject('prompt', ref.name);
      return ref.type === 'ref/resource' ? subject('resource', ref.uri) : null;
    }
    default:
      return null;
  }
}

/**
 * Finds the upstream and the entry that a caller means on this mount and decides on them; null when there is no such
 * thing. The caller is told the same for null and for a denial.
 */
export function route(snapshot: Snapshot, caller: Caller, mount: Mount, subject: Subject): Route | null {
  return subject.kind === 'resource'
    ? routeUri(snapshot, caller, mount, subject.name)
    : routeName(snapshot, caller, mount, subject);
}

function routeName(snapshot: Snapshot, caller: Caller, mount: Mount, subject: Subject): Route | null {
  const split = mount.upstream === null ? splitName(subject.name) : { upstream: mount.upstream, name: subject.name };
  const upstream = split === null ? undefined : snapshot.upstreams.get(split.upstream);
  const catalogue = upstream && snapshot.catalogueOf(upstream, caller);
  if (split === null || upstream === undefined || catalogue === undefined) return null;
  const index = indexOf(catalogue);
  const entry = (subject.kind === 'tool' ? index.tools : index.prompts).get(split.name);
  if (entry === undefined) return null;
  const target = targetOf(upstream, subject.kind, entry);
  return { upstream, target, entry, decision: snapshot.policy.decide(caller, target) };
}

/**
 * Resources keep their URIs on every mount, since tool results link to them. On `/mcp` the first upstream that lists the
 * URI and lets the caller read it answers, then the first with a template that covers it. On `/mcp/{upstream}` an
 * unlisted URI is the upstream's to know, if policy allows it.
 */
function routeUri(snapshot: Snapshot, caller: Caller, mount: Mount, uri: string): Route | null {
  const listing: Upstream[] = [];
  const covering: Upstream[] = [];
  for (const upstream of mounted(snapshot, mount)) {
    const catalogue = snapshot.catalogueOf(upstream, caller);
    if (catalogue === undefined) continue;
    const index = indexOf(catalogue);
    if (index.resources.has(uri)) listing.push(upstream);
    else if (mount.upstream !== null || index.coversUri(uri)) covering.push(upstream);
  }
  let denied: Route | null = null;
  for (const upstream of [...listing, ...covering]) {
    const target: Target = {
      upstream: upstream.name,
      kind: 'resource',
      name: uri,
      readOnly: false,
      destructive: false,
    };
    const decision = snapshot.policy.decide(caller, target);
    const found = { upstream, target, entry: undefined, decision };
    if (decision.allowed) return found;
    denied ??= found;
  }
  return denied;
}

/**
 * An upstream of the mount whose catalogue could not be had, so that a name of its is not simply unknown. To a caller that
 * policy would not let use that name anyway, it is.
 */
export function unreachable(snapshot: Snapshot, caller: Caller, mount: Mount, subject: Subject): Upstream | null {
  const down = mounted(snapshot, mount).filter((upstream) => snapshot.catalogueOf(upstream, caller) === undefined);
  const prefixed = mount.upstream === null && subject.kind !== 'resource';
  const split = prefixed ? splitName(subject.name) : null;
  const named = (upstream: Upstream): string | null => {
    if (!prefixed) return subject.name;
    return split?.upstream === upstream.name ? split.name : null;
  };
  return down.find((upstream) => mayUse(snapshot, caller, upstream, subject.kind, named(upstream))) ?? null;
}

/** Whether policy allows the name under some annotations; what it really has is not known. */
function mayUse(snapshot: Snapshot, caller: Caller, upstream: Upstream, kind: PrimitiveKind, name: string | null) {
  if (name === null) return false;
  return [true, false].some((readOnly) =>
    [true, false].some((destructive) =>
      snapshot.policy.isAllowed(caller, { upstream: upstream.name, kind, name, readOnly, destructive }),
    ),
  );
}
