import { setImmediate } from 'node:timers/promises';
import { type AppError, toAppError } from '../errors/app-error.ts';
import type { Caller } from '../model/principal.ts';
import type { Role } from '../model/role.ts';
import { CredentialRefusal } from '../tokens/credential-refusal.ts';
import { TokenRefusal } from '../tokens/token-refusal.ts';
import { authenticate } from './authenticate.ts';
import { type GatewayContext, logFailure } from './context.ts';
import type { HandlerOptions } from './handle-mcp.ts';
import type { LiveCall } from './live-calls.ts';
import { resourcePath } from './mount.ts';
import { scopeRefusal } from './token-scopes.ts';

/** Verified in one go; in between others get their turn. */
const BATCH = 200;

/**
 * Looks again at what is under way, with the credential that began it, and ends what its caller may not have any more. A
 * call goes on while its target is allowed, also beyond the expiry of its credential. A stream is about all that its caller may use, so it ends whenever that
 * changed: its client opens it again with the new rights. `changedRoles` were defined anew since the last time.
 */
export async function recheckRights(
  gateway: GatewayContext,
  options: Pick<HandlerOptions, 'verify' | 'anonymous'>,
  live: readonly LiveCall[],
  changedRoles: ReadonlySet<string>,
): Promise<void> {
  for (let from = 0; from < live.length; from += BATCH) {
    if (from > 0) await setImmediate();
    await Promise.all(live.slice(from, from + BATCH).map((one) => recheck(gateway, options, one, changedRoles)));
  }
}

async function recheck(
  gateway: GatewayContext,
  { verify, anonymous }: Pick<HandlerOptions, 'verify' | 'anonymous'>,
  live: LiveCall,
  changedRoles: ReadonlySet<string>,
): Promise<void> {
  const { http, address, mount, requestId } = live.exchange;
  try {
    const use = { http, address, resourcePath: resourcePath(mount), again: true } as const;
    const caller = await authenticate(use, verify, anonymous);
    if (live.target === undefined) {
      if (haveChanged(live.exchange.caller, caller, changedRoles)) live.end('rights_changed');
    } else if (
      !gateway.snapshot().policy.isAllowed(caller, live.target) ||
      scopeRefusal(caller, live.target) !== null
    ) {
      live.end('revoked');
    }
  } catch (thrown) {
    const error = toAppError(thrown);
    // A call that began in time may end; a stream would never.
    if (live.target !== undefined && isExpiry(error)) return;
    if (error.status === 401 || error.status === 403) live.end('revoked');
    // A database that does not answer takes nothing away; the next look will tell.
    else logFailure(gateway.log, requestId, error);
  }
}

const isExpiry = ({ cause }: AppError): boolean =>
  (cause instanceof CredentialRefusal || cause instanceof TokenRefusal) && cause.reason === 'expired';

function haveChanged(before: Caller, now: Caller, changedRoles: ReadonlySet<string>): boolean {
  const roles = [...now.roles, ...(now.restriction?.roles ?? [])];
  if (changedRoles.size > 0 && roles.some((role) => changedRoles.has(role))) return true;
  return before !== now && rightsOf(before) !== rightsOf(now);
}

const rightsOf = ({ roles, restriction, grant }: Caller): string => JSON.stringify([roles, restriction, grant?.scopes]);

/** Names of the roles that one list has and the other has not, or has otherwise. */
export function rolesThatDiffer(before: readonly Role[], now: readonly Role[]): Set<string> {
  const texts = new Map(before.map((role) => [role.name, JSON.stringify(role)]));
  const changed = new Set(now.filter((role) => texts.get(role.name) !== JSON.stringify(role)).map(({ name }) => name));
  for (const { name } of now) texts.delete(name);
  for (const name of texts.keys()) changed.add(name);
  return changed;
}
