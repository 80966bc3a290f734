import { AppError } from '../errors/app-error.ts';

/** What can be changed only by somebody who has seen its present state. */
export interface Versioned {
  /** Grows with every change. */
  readonly version: number;
  /** Milliseconds since the epoch. Tells a thing apart from an earlier one of the same name that had the same version. */
  readonly createdAt: number;
}

/** The strong entity tag (RFC 9110 §8.8.3) of a version. */
export function etagOf({ version, createdAt }: Versioned): string {
  return `"${version}-${createdAt.toString(36)}"`;
}

/**
 * Throws `precondition_failed` unless `If-Match` names the version that the thing has now (RFC 9110 §13.1.1: strong
 * comparison, so a weak tag never matches; `*` matches every version). Returns that version, for the update to compare.
 */
export function matchVersion(ifMatch: string, current: Versioned): number {
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  if (!tags.includes('*') && !tags.includes(etagOf(current))) throw new AppError('precondition_failed');
  return current.version;
}

/** The changed thing; throws `precondition_failed` when an update found another version than the one read before it. */
export function orStale<T>(changed: T | null): T {
  if (changed === null) throw new AppError('precondition_failed');
  return changed;
}
