import type { Selectable } from 'kysely';
import type { JsonObject } from '../model/json.ts';
import type { Database, Tables } from './tables.ts';

/** A login that is under way: at an identity provider, or between two factors. */
export interface LoginState {
  readonly tenantId: string;
  /** Hex SHA-256 of the state. */
  readonly stateHash: string;
  /** Hex SHA-256 of the cookie of the browser that began. */
  readonly browserHash: string;
  /** Name of the identity provider. */
  readonly provider: string;
  readonly payload: JsonObject;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export type LoginStateRef = Pick<LoginState, 'tenantId' | 'stateHash' | 'browserHash' | 'provider'>;

export async function insertLoginState(db: Database, state: LoginState): Promise<void> {
  await db
    .insertInto('login_states')
    .values({
      tenant_id: state.tenantId,
      state_hash: state.stateHash,
      browser_hash: state.browserHash,
      provider: state.provider,
      payload: JSON.stringify(state.payload),
      expires_at: state.expiresAt,
    })
    .execute();
}

/** Null when it is unknown, over, of another provider, or was begun by another browser. */
export async function findLoginState(db: Database, ref: LoginStateRef, now: number): Promise<LoginState | null> {
  const row = await db
    .selectFrom('login_states')
    .selectAll()
    .where('tenant_id', '=', ref.tenantId)
    .where('state_hash', '=', ref.stateHash)
    .where('browser_hash', '=', ref.browserHash)
    .where('provider', '=', ref.provider)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return row ? toLoginState(row) : null;
}

/**
 * The same, and it is gone: of several simultaneous calls one gets it. A browser that did not begin it does not get it,
 * and does not take it from the one that did.
 */
export async function takeLoginState(db: Database, ref: LoginStateRef, now: number): Promise<LoginState | null> {
  const row = await db
    .deleteFrom('login_states')
    .where('tenant_id', '=', ref.tenantId)
    .where('state_hash', '=', ref.stateHash)
    .where('browser_hash', '=', ref.browserHash)
    .where('provider', '=', ref.provider)
    .where('expires_at', '>', now)
    .returningAll()
    .executeTakeFirst();
  return row ? toLoginState(row) : null;
}

export async function deleteExpiredLoginStates(db: Database, now: number): Promise<void> {
  await db.deleteFrom('login_states').where('expires_at', '<=', now).execute();
}

function toLoginState(row: Selectable<Tables['login_states']>): LoginState {
  return {
    tenantId: row.tenant_id,
    stateHash: row.state_hash,
    browserHash: row.browser_hash,
    provider: row.provider,
    payload: JSON.parse(row.payload) as JsonObject,
    expiresAt: Number(row.expires_at),
  };
}
