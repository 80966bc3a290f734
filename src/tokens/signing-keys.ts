import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import { createLimiter } from '../lib/limiter.ts';
import { Secret } from '../lib/secret.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import type { SecretRef } from '../store/secrets.ts';
import {
  activateSigningKey,
  deleteRetiredSigningKey,
  insertSigningKey,
  listSigningKeys,
  type StoredSigningKey,
} from '../store/signing-keys.ts';
import { ownEntry } from '../vault/own-secrets.ts';
import type { Vault } from '../vault/vault.ts';

export const SIGNING_ALGORITHM = 'ES256';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
/** How long a key signs. */
const ACTIVE_MS = 90 * DAY_MS;
/** How long a key is published before it signs, for whoever caches the key set. */
const ANNOUNCED_MS = DAY_MS;
/** How long a key is still published after its last signature: longer than an access token can live, with its leeway. */
const RETIRED_MS = 2 * HOUR_MS;

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/** The keys that our access tokens are signed with: one signs, the next one is announced, earlier ones still verify. */
export interface SigningKeys {
  active(): SigningKey;
  /** The active key first, then what is announced or still verified. With private parts: never show them. */
  privateJwks(): readonly JWK[];
  /** What is published (RFC 7517 §5). */
  publicJwks(): { readonly keys: readonly JWK[] };
  /** To verify with; undefined for a key that is not (any more) ours. */
  publicKey(kid: string): KeyObject | undefined;
  /** What there is, the active one first. */
  list(): readonly Pick<StoredSigningKey, 'kid' | 'state'>[];
  /** Signs with a new key from now on. Tokens of the old one stay good. */
  rotate(): Promise<void>;
  /** Reads what other processes changed and does what is due: announce, activate, remove. Call it every few minutes. */
  tick(): Promise<void>;
  /** Called when there are other keys, or another is active. Returns a function that stops it. */
  onRotated(listener: () => void): () => void;
}

export interface SigningKeysOptions {
  readonly db: Database;
  readonly vault: Pick<Vault, 'get' | 'put' | 'remove'>;
  readonly tenantId?: string | undefined;
  readonly now?: (() => number) | undefined;
}

interface Loaded {
  readonly stored: StoredSigningKey;
  readonly privateJwk: JWK;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Opens the signing keys of a tenant; makes the first one where there is none. Private parts are in the vault. */
export async function openSigningKeys(options: SigningKeysOptions): Promise<SigningKeys> {
  const { db, vault, tenantId = DEFAULT_TENANT, now = Date.now } = options;
  const listeners = new Set<() => void>();
  /** The active one first. */
  let keys: readonly Loaded[] = [];
  const alone = createLimiter(1);

  async function make(state: 'next' | 'active'): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
    const publicJwk = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(publicJwk);
    const ref = secretOf(tenantId, kid);
    // First the secret: whoever sees the row can read it.
    await vault.put(ref, new Secret(JSON.stringify(await exportJWK(privateKey))));
    const key = { tenantId, kid, algorithm: SIGNING_ALGORITHM, publicJwk: { ...publicJwk }, state, createdAt: now() };
    if (!(await insertSigningKey(db, key))) await vault.remove(ref);
  }

  async function read(): Promise<void> {
    const known = new Map(keys.map((key) => [key.stored.kid, key]));
    const rows = await listSigningKeys(db, tenantId);
    const read = await Promise.all(rows.map((stored) => load(stored, known.get(stored.kid))));
    const order = { active: 0, next: 1, retired: 2 };
    read.sort((a, b) => order[a.stored.state] - order[b.stored.state]);
    const before = signature(keys);
    keys = read;
    if (before !== '' && before !== signature(keys)) for (const listener of listeners) listener();
  }

  async function load(stored: StoredSigningKey, known: Loaded | undefined): Promise<Loaded> {
    if (known !== undefined) return { ...known, stored };
    const secret = await vault.get(secretOf(tenantId, stored.kid));
    if (secret === null) {
      throw new Error(
        `The signing key ${stored.kid} is in the database, but its private part is not in the vault. Restore both from ` +
          'one backup.',
      );
    }
    const named = { kid: stored.kid, alg: stored.algorithm, use: 'sig' };
    const privateJwk: JWK = { ...(JSON.parse(secret.reveal()) as JWK), ...named };
    return {
      stored,
      privateJwk,
      privateKey: createPrivateKey({ key: privateJwk, format: 'jwk' }),
      publicKey: createPublicKey({ key: stored.publicJwk, format: 'jwk' }),
    };
  }

  const inState = (state: StoredSigningKey['state']) => keys.find(({ stored }) => stored.state === state)?.stored;

  async function rotate(): Promise<void> {
    await read();
    if (inState('next') === undefined) {
      await make('next');
      await read();
    }
    const next = inState('next');
    if (next !== undefined) await activateSigningKey(db, next, now());
    await read();
  }

  async function tick(): Promise<void> {
    await read();
    if (inState('active') === undefined) {
      await make('active');
      await read();
    }
    const time = now();
    const signingSince = inState('active')?.activatedAt ?? time;
    const next = inState('next');
    if (next === undefined && time >= signingSince + ACTIVE_MS - ANNOUNCED_MS) await make('next');
    if (next !== undefined && time >= Math.max(signingSince + ACTIVE_MS, next.createdAt + ANNOUNCED_MS)) {
      await activateSigningKey(db, next, time);
    }
    for (const { stored } of keys) {
      if (stored.retiredAt === null || time < stored.retiredAt + RETIRED_MS) continue;
      await deleteRetiredSigningKey(db, stored);
      await vault.remove(secretOf(tenantId, stored.kid));
    }
    await read();
  }

  await alone(tick);
  return {
    active() {
      const { stored, privateKey } = keys[0]!;
      return { kid: stored.kid, privateKey };
    },
    list: () => keys.map(({ stored: { kid, state } }) => ({ kid, state })),
    privateJwks: () => keys.map(({ privateJwk }) => privateJwk),
    publicJwks: () => ({ keys: keys.map(({ privateJwk: { d: _, ...publicJwk } }) => publicJwk) }),
    publicKey: (kid) => keys.find(({ stored }) => stored.kid === kid)?.publicKey,
    rotate: () => alone(rotate),
    tick: () => alone(tick),
    onRotated(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const secretOf = (tenantId: string, kid: string): SecretRef => ownEntry(`signing-key-${kid}`, tenantId);

const signature = (keys: readonly Loaded[]): string =>
  keys.map(({ stored }) => `${stored.kid}:${stored.state}`).join(' ');
