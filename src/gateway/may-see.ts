import type { Caller } from '../model/principal.ts';
import { LISTS, type ListMethod, visibleList } from './lists.ts';
import type { Snapshot } from './snapshot.ts';
import { scopeRefusal } from './token-scopes.ts';

const METHODS = Object.keys(LISTS) as ListMethod[];

/** Whether a list of this upstream has anything for the caller. URIs that it does not list are no matter here. */
export function maySeeAny(snapshot: Snapshot, caller: Caller, upstream: string): boolean {
  return METHODS.some((method) => visibleList(snapshot, caller, { upstream }, method).items.length > 0);
}

/** Whether the caller may read a resource, so that it may hear of it, too. */
export function mayRead(snapshot: Snapshot, caller: Caller, upstream: string, uri: string): boolean {
  const target = { upstream, kind: 'resource', name: uri, readOnly: false, destructive: false } as const;
  return snapshot.policy.isAllowed(caller, target) && scopeRefusal(caller, target) === null;
}
