import type { Style } from './style.ts';
import type { Column } from './table.ts';
import { formatSecond } from './time.ts';

/** A record of the audit log, or an intent joined with its outcome; the members that are printed. */
export interface AuditEntry {
  readonly seq: number;
  /** Of an outcome: the `seq` of its intent. */
  readonly intent?: number;
  readonly phase: 'intent' | 'outcome' | 'event';
  readonly action: string;
  readonly time: number;
  readonly principalName?: string;
  readonly agentName?: string;
  readonly upstream?: string;
  readonly target?: string;
  readonly decision?: 'allow' | 'deny';
  readonly reason?: string;
  readonly outcome?: string;
  readonly errorCode?: string;
  readonly durationMs?: number;
}

const whoOf = ({ principalName, agentName }: AuditEntry): string =>
  principalName === undefined ? '-' : agentName === undefined ? principalName : `${principalName} · ${agentName}`;

const whatOf = ({ upstream, target }: AuditEntry): string =>
  upstream === undefined ? (target ?? '') : `${upstream}${target === undefined ? '' : ` ${target}`}`;

/** In one word, and for a denial why. */
function resultOf({ decision, reason, outcome, errorCode }: AuditEntry): string {
  if (decision === 'deny') return `denied: ${reason ?? errorCode ?? ''}`;
  if (outcome === undefined) return '';
  return errorCode === undefined ? outcome : `${outcome}: ${errorCode}`;
}

function paintResult(cell: string, { decision, outcome }: AuditEntry, { red, green, yellow }: Style): string {
  if (decision === 'deny') return red(cell);
  return outcome === 'ok' ? green(cell) : yellow(cell);
}

export function auditColumns(style: Style): Column<AuditEntry>[] {
  return [
    { title: 'TIME', value: ({ time }) => formatSecond(time) },
    { title: 'WHO', value: whoOf, shrinks: true },
    { title: 'ACTION', value: ({ action }) => action },
    { title: 'WHAT', value: whatOf, shrinks: true },
    { title: 'RESULT', value: resultOf, paint: (cell, entry) => paintResult(cell, entry, style), shrinks: true },
  ];
}
