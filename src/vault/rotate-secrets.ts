import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Database } from '../store/database.ts';
import { listSecretsNotUnder, rekeySecret, type SecretRef, type StoredSecret } from '../store/secrets.ts';
import { transact } from '../store/transact.ts';
import { type DataKey, openSecret, sealSecret } from './envelope.ts';
import type { Keyring } from './keyring.ts';
import type { MasterKey } from './master-key.ts';

/** Secrets per transaction: one disk sync for all of them, and a few milliseconds that other queries wait. */
const BATCH = 50;

/** A secret that could not be decrypted stays as it is. */
export interface UnreadableSecret {
  readonly ref: SecretRef;
  readonly cause: unknown;
}

export interface RotationReport {
  readonly masterKeyId: string;
  readonly tenants: number;
  /** How many secrets were re-encrypted. */
  readonly secrets: number;
  /** Could not be decrypted and were left as they are; whoever owns them must store them again. */
  readonly unreadable: readonly UnreadableSecret[];
}

/**
 * Gives every tenant a new data key, moves all secrets to it, then wraps the data keys under `masterKey`. `settleWrites`
 * waits for the writes that are under way when it is called. Every step can be cut short and repeated.
 */
export async function rotateSecrets(
  db: Database,
  keyring: Keyring,
  masterKey: MasterKey,
  settleWrites: () => Promise<unknown>,
): Promise<RotationReport> {
  const tenants = await keyring.tenants();
  const unreadable: UnreadableSecret[] = [];
  let secrets = 0;
  for (const tenantId of tenants) {
    const dataKey = await keyring.renew(tenantId);
    // These may still hold the former data key; whatever starts from now on takes the new one.
    await settleWrites();
    const result = await reEncrypt(db, keyring, tenantId, dataKey);
    secrets += result.moved;
    unreadable.push(...result.unreadable);
    await keyring.sweep(tenantId);
  }
  await keyring.rewrap(masterKey);
  return { masterKeyId: masterKey.id, tenants: tenants.length, secrets, unreadable };
}

/**
 * Moves every secret of a tenant to this data key, batch by batch; the values and versions stay the same. A secret that
 * is written meanwhile wins over the move. Can be cut short and repeated anywhere.
 */
async function reEncrypt(
  db: Database,
  keyring: Keyring,
  tenantId: string,
  to: DataKey,
): Promise<{ moved: number; unreadable: UnreadableSecret[] }> {
  let moved = 0;
  for (;;) {
    const unreadable: UnreadableSecret[] = [];
    let movedNow = 0;
    let after: string | null = null;
    do {
      const page = await listSecretsNotUnder(db, { tenantId, dataKeyId: to.id, after, limit: BATCH });
      after = page.next;
      movedNow += await moveBatch(db, await sealBatch(keyring, page.items, to, unreadable), to);
      // The database driver is synchronous: without this, requests would wait for all batches.
      await nextTurn();
    } while (after !== null);
    moved += movedNow;
    // One more pass after every pass that moved something: a write that was under way may have used an older key.
    if (movedNow === 0) return { moved, unreadable };
  }
}

interface Sealed {
  readonly secret: StoredSecret;
  readonly envelope: string;
}

async function sealBatch(
  keyring: Keyring,
  secrets: readonly StoredSecret[],
  to: DataKey,
  unreadable: UnreadableSecret[],
): Promise<Sealed[]> {
  const sealed: Sealed[] = [];
  for (const secret of secrets) {
    try {
      const from = await keyring.find(secret.tenantId, secret.dataKeyId);
      // It was moved to another key between two queries; the next pass sees it again if it needs to.
      if (!from) continue;
      const value = openSecret(from, secret, secret.version, secret.envelope);
      sealed.push({ secret, envelope: sealSecret(to, secret, secret.version, value) });
    } catch (cause) {
      const { tenantId, upstream, owner, name } = secret;
      unreadable.push({ ref: { tenantId, upstream, owner, name }, cause });
    }
  }
  return sealed;
}

/** How many were moved; the others changed in the meantime. */
async function moveBatch(db: Database, batch: readonly Sealed[], to: DataKey): Promise<number> {
  if (batch.length === 0) return 0;
  return transact(db, async (trx) => {
    let moved = 0;
    for (const { secret, envelope } of batch) {
      if (await rekeySecret(trx, secret, secret, { envelope, dataKeyId: to.id })) moved++;
    }
    return moved;
  });
}
