import { createLru } from '../../lib/lru.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import type { ServerContext } from '../context.ts';
import type { OidcLibrary } from '../oidc-library.ts';
import { isRecordHandle } from '../stored-records.ts';
import type { GrantHandler } from './grant-handler.ts';

/** RFC 8628 §3.2: what a device waits that is not told otherwise. A second less allows for the way. */
const INTERVAL_MS = 4000;

/** Slows devices down that ask too often (RFC 8628 §3.5), counted in this process. */
export function deviceCodeAtItsPace(
  { now }: ServerContext,
  { errors }: OidcLibrary,
  handler: GrantHandler,
): GrantHandler {
  const askedAt = createLru<string, number>(10_000);
  return async (ctx) => {
    const { device_code: code } = ctx.oidc.params!;
    if (typeof code !== 'string' || isRecordHandle(code)) throw new errors.InvalidGrant('device code not found');
    const key = sha256Hex(code);
    const before = askedAt.get(key);
    askedAt.set(key, now());
    if (before !== undefined && now() - before < INTERVAL_MS) throw new errors.SlowDown();
    return handler(ctx);
  };
}
