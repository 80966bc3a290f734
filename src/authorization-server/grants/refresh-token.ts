import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { sha256Hex } from '../../lib/sha256.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { touchOauthGrant } from '../../store/oauth-grants.ts';
import { consumeOauthRecord, putOauthRecord } from '../../store/oauth-records.ts';
import {
  deleteRefreshSuccessorsOfGrant,
  findRefreshSuccessor,
  insertRefreshSuccessor,
  type RefreshSuccessor,
} from '../../store/refresh-successors.ts';
import { transact } from '../../store/transact.ts';
import { seal, unseal } from '../../vault/sealed-box.ts';
import { principalOf, trail } from '../audit-trail.ts';
import type { ServerContext } from '../context.ts';
import type { OidcLibrary } from '../oidc-library.ts';
import { revokeGrant } from '../revoke-grant.ts';
import type { GrantHandler } from './grant-handler.ts';
import { type RefreshWork, refreshWork } from './refresh-work.ts';

const tenantId = DEFAULT_TENANT;
const TOUCH_MS = 60_000;

/** A token answer (RFC 6749 §5.1). */
type TokenAnswer = Readonly<Record<string, unknown>> & { readonly access_token: string };

/**
 * Refreshing for clients of which several processes share one store (they exist): whoever comes with a token that was
 * replaced within `refreshGraceSeconds` gets the very answer that the first one got. Later, or once the replacement itself
 * was used, it is reuse, and the whole grant ends (RFC 9700 §4.14.2).
 *
 * The library does every check each time, also for a repetition: client, grant, account, DPoP proof. Then one conditional
 * UPDATE decides who was first, in whichever process; the losers throw away what they made and read the winner's answer.
 */
export function refreshWithGrace(context: ServerContext, { errors }: OidcLibrary, handler: GrantHandler): GrantHandler {
  return async (ctx) => {
    const presented = ctx.oidc.params!.refresh_token;
    if (typeof presented !== 'string') return handler(ctx);
    const tokenHash = sha256Hex(presented);
    const earlier = await findRefreshSuccessor(context.db, { tenantId, tokenHash });
    const answered = earlier !== null && earlier.expiresAt > context.now();
    const work: RefreshWork = { tokenHash, answered, consumes: false, successor: null };
    await refreshWork.run(work, async () => handler(ctx));
    if (!work.consumes || work.successor === null) return undefined;
    const grantId = work.successor.grantId!;
    if (await isFirst(context, ctx, work, presented)) {
      await touchOauthGrant(context.db, { tenantId, id: grantId }, context.now(), TOUCH_MS);
      return undefined;
    }
    const successor = await findRefreshSuccessor(context.db, { tenantId, tokenHash });
    if (successor === null || successor.expiresAt <= context.now()) {
      await revokeGrant(context, grantId, 'refresh_token_reused');
      throw new errors.InvalidGrant('refresh token already used');
    }
    if (successor.keyThumbprint !== thumbprintOf(ctx)) throw new errors.InvalidGrant('answered for another DPoP key');
    const answer = open(successor, presented);
    ctx.body = { ...answer.body, expires_in: Math.max(0, Math.floor((answer.endsAt - context.now()) / 1000)) };
    repeated(context, ctx, grantId);
    return undefined;
  };
}

/** Writes all that the refresh led to, unless somebody else was faster. */
async function isFirst(
  { db, now, settings }: ServerContext,
  ctx: KoaContextWithOIDC,
  { tokenHash, successor }: RefreshWork,
  presented: string,
): Promise<boolean> {
  const body = ctx.body as TokenAnswer;
  const grantId = successor!.grantId!;
  const time = now();
  const endsAt = time + Number(body.expires_in) * 1000;
  const sealed = {
    tenantId,
    tokenHash,
    grantId,
    sealedResponse: seal(keyOf(presented), Buffer.from(JSON.stringify({ body, endsAt })), aad({ tokenHash, grantId })),
    keyThumbprint: thumbprintOf(ctx),
    expiresAt: time + settings.refreshGraceSeconds * 1000,
  };
  return transact(db, async (trx) => {
    const ref = { tenantId, kind: 'RefreshToken', idHash: tokenHash };
    if (!(await consumeOauthRecord(trx, ref, time))) return false;
    await putOauthRecord(trx, successor!);
    // With this the token before was replaced by one that has been used: its grace is over.
    await deleteRefreshSuccessorsOfGrant(trx, { tenantId, grantId });
    await insertRefreshSuccessor(trx, sealed);
    return true;
  });
}

/** The token has 256 random bits and is stored nowhere, so that only who has it can read the answer. */
function keyOf(token: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', token, '', 'toolgate refresh answer', 32)));
}

const aad = ({ tokenHash, grantId }: { tokenHash: string; grantId: string }): Buffer =>
  Buffer.from(`${tokenHash} ${grantId}`);

function open(successor: RefreshSuccessor, token: string): { body: TokenAnswer; endsAt: number } {
  return JSON.parse(unseal(keyOf(token), successor.sealedResponse, aad(successor)).toString('utf8'));
}

/** Of the DPoP key that the access token just made is bound to (RFC 9449 §6). */
const thumbprintOf = (ctx: KoaContextWithOIDC): string | null =>
  (ctx.oidc.entities.AccessToken as { jkt?: string } | undefined)?.jkt ?? null;

/** Remembers that the answer is a repetition, which is another event than a refresh. */
const repetitions = new WeakSet<KoaContextWithOIDC>();

export const isRepetition = (ctx: KoaContextWithOIDC): boolean => repetitions.has(ctx);

function repeated(context: ServerContext, ctx: KoaContextWithOIDC, grantId: string): void {
  repetitions.add(ctx);
  const { client, account } = ctx.oidc;
  trail(context, 'token.refresh_repeated', ctx.req, {
    principal: principalOf(account!.accountId),
    client: { id: client!.clientId, name: client!.clientName },
    target: grantId,
  });
}
