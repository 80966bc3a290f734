import type { Selectable } from 'kysely';
import type { Database, Tables } from './tables.ts';

/** The answer to a refresh, for a client that asks again with the token that it replaced. */
export interface RefreshSuccessor {
  readonly tenantId: string;
  /** Hex SHA-256 of the replaced token. */
  readonly tokenHash: string;
  readonly grantId: string;
  /** Ciphertext: the store never sees the answer. */
  readonly sealedResponse: string;
  /** Of the DPoP key that the tokens in it are bound to (RFC 9449 §6). */
  readonly keyThumbprint: string | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Throws `conflict` when the token has a successor already. */
export async function insertRefreshSuccessor(db: Database, successor: RefreshSuccessor): Promise<void> {
  await db
    .insertInto('refresh_successors')
    .values({
      tenant_id: successor.tenantId,
      token_hash: successor.tokenHash,
      grant_id: successor.grantId,
      sealed_response: successor.sealedResponse,
      key_thumbprint: successor.keyThumbprint,
      expires_at: successor.expiresAt,
    })
    .execute();
}

export async function findRefreshSuccessor(
  db: Database,
  { tenantId, tokenHash }: { readonly tenantId: string; readonly tokenHash: string },
): Promise<RefreshSuccessor | null> {
  const row = await db
    .selectFrom('refresh_successors')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('token_hash', '=', tokenHash)
    .executeTakeFirst();
  return row ? toRefreshSuccessor(row) : null;
}

/** Forgets every answer of a grant. */
export async function deleteRefreshSuccessorsOfGrant(
  db: Database,
  { tenantId, grantId }: { readonly tenantId: string; readonly grantId: string },
): Promise<void> {
  await db.deleteFrom('refresh_successors').where('tenant_id', '=', tenantId).where('grant_id', '=', grantId).execute();
}

/** Those of every tenant that expired before `now`. */
export async function deleteExpiredRefreshSuccessors(db: Database, now: number): Promise<void> {
  await db.deleteFrom('refresh_successors').where('expires_at', '<', now).execute();
}

function toRefreshSuccessor(row: Selectable<Tables['refresh_successors']>): RefreshSuccessor {
  return {
    tenantId: row.tenant_id,
    tokenHash: row.token_hash,
    grantId: row.grant_id,
    sealedResponse: row.sealed_response,
    keyThumbprint: row.key_thumbprint,
    expiresAt: Number(row.expires_at),
  };
}
