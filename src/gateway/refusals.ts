import type { AuditLog } from '../audit/open-audit.ts';
import type { AppError } from '../errors/app-error.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';

/** Refused credentials recorded per second; a flood of them must not fill the disk. */
const PER_SECOND = 50;

/** Records refused credentials, at most PER_SECOND; how many were left out is said in the next record. */
export function createRefusalRecorder(audit: AuditLog) {
  let second = 0;
  let recorded = 0;
  let leftOut = 0;
  return (requestId: string, address: string, target: string, error: AppError): void => {
    const time = Date.now();
    const now = Math.floor(time / 1000);
    if (now !== second) {
      second = now;
      recorded = 0;
    }
    if (++recorded > PER_SECOND) {
      leftOut++;
      return;
    }
    const why = error.cause instanceof Error ? error.cause.message : error.code;
    audit.record({
      phase: 'event',
      action: 'auth.refused',
      requestId,
      time,
      tenantId: DEFAULT_TENANT,
      address,
      target,
      decision: 'deny',
      reason: leftOut === 0 ? why : `${why} (${leftOut} more refusals were not recorded)`,
    });
    leftOut = 0;
  };
}
