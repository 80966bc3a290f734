import { escapeUnprintable } from '../audit/escape-unprintable.ts';
import type { EndedCredentials } from './ended-credentials.ts';
import type { Style } from './style.ts';

export interface AppliedState {
  readonly dryRun: boolean;
  readonly changes: readonly StateChange[];
  readonly summary: { readonly create: number; readonly update: number; readonly remove: number };
  readonly endedCredentials: readonly EndedCredentials[];
}

interface StateChange {
  readonly kind: string;
  readonly name: string;
  readonly action: 'create' | 'update' | 'remove';
  /** Of an update `{ from, to }` by member, and `{ add, remove }` for the members of a group. */
  readonly details: Readonly<Record<string, unknown>>;
}

const SIGNS = { create: '+', update: '~', remove: '-' } as const;

/** The changes as a diff: one line each, and below an update what becomes of its members. */
export function renderChanges(changes: readonly StateChange[], { green, yellow, red }: Style): string {
  const paint = { create: green, update: yellow, remove: red };
  return changes
    .flatMap(({ kind, name, action, details }) => [
      paint[action](`${SIGNS[action]} ${kind.replace('_', ' ')} ${escapeUnprintable(name)}`),
      ...(action === 'update'
        ? Object.entries(details).flatMap(([member, change]) => memberLines(member, change))
        : []),
    ])
    .join('\n');

  function memberLines(member: string, change: unknown): string[] {
    const { from, to, add, remove } = change as { from?: unknown; to?: unknown; add?: unknown[]; remove?: unknown[] };
    if (add !== undefined || remove !== undefined) {
      const minus = (remove ?? []).map((one) => red(`    - ${member}: ${text(one)}`));
      return [...minus, ...(add ?? []).map((one) => green(`    + ${member}: ${text(one)}`))];
    }
    return [red(`    - ${member}: ${text(from)}`), green(`    + ${member}: ${text(to)}`)];
  }
}

const text = (value: unknown): string =>
  escapeUnprintable(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** `create 2, update 1`. */
export function summaryOf({ summary }: AppliedState): string {
  const parts = Object.entries(summary).flatMap(([action, count]) => (count === 0 ? [] : [`${action} ${count}`]));
  return parts.join(', ') || 'nothing to do';
}
