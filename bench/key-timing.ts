/**
 * Whether the time that a refusal takes tells how much of a key is right: Welch's t between keys that begin like a good one
 * and keys that begin like one that nobody has, through the verifier in this process. Below 4.5 nothing can be told.
 *
 *   node bench/key-timing.ts [samples]
 */
import { crc32 } from 'node:zlib';
import { base62 } from '../src/lib/base62.ts';
import { openDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import { insertUser } from '../src/store/users.ts';
import { mintAccessKey } from '../src/tokens/access-key-format.ts';
import { createKey } from '../src/tokens/create-key.ts';
import { createKeyVerifier } from '../src/tokens/key-verifier.ts';

const SAMPLES = Number(process.argv[2] ?? 50_000);
const BODY = 47;
const tenantId = 'default';

const db = await openDatabase({ file: ':memory:' });
await migrate(db);
await insertUser(db, { tenantId, id: 'usr_1', name: 'ann', displayName: 'Ann', createdAt: 1 });
const owner = { kind: 'user', id: 'usr_1' } as const;
const { secret } = await createKey(db, { tenantId, owner, name: 'key', expiresAt: null });
const good = secret.reveal();
/** Nobody's. Keys are made from it in the same way, so that what the two kinds cost to make is the same. */
const decoy = mintAccessKey('personal').secret.reveal();
const verifier = createKeyVerifier({ db });

/** A key that nobody has, and that begins like this one for so many characters. */
function beginningLike(key: string, shared: number): string {
  const body = (key.slice(0, shared) + mintAccessKey('personal').secret.reveal().slice(shared)).slice(0, BODY);
  return body + base62(BigInt(crc32(body)), 6);
}

async function microsecondsOf(key: string): Promise<number> {
  const from = process.hrtime.bigint();
  try {
    await verifier.verify(key, '192.0.2.1');
  } catch {
    // Refused, as each of them is.
  }
  return Number(process.hrtime.bigint() - from) / 1000;
}

function summary(all: readonly number[]) {
  // What the system did in between: without the slowest twentieth.
  const times = all.toSorted((a, b) => a - b).slice(0, Math.floor(all.length * 0.95));
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  const variance = times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / (times.length - 1);
  return { mean, variance, count: times.length };
}

for (let warm = 0; warm < SAMPLES / 5; warm++) await microsecondsOf(beginningLike(good, 8));
for (const remembered of [false, true]) {
  if (remembered) await verifier.verify(good, '192.0.2.1');
  for (const shared of [8, 24, BODY - 4]) {
    const times: Record<'like' | 'unlike', number[]> = { like: [], unlike: [] };
    // In turns and in changing order, so that whatever else changes with time changes for both.
    for (let sample = 0; sample < SAMPLES; sample++) {
      const order = sample % 2 === 0 ? (['like', 'unlike'] as const) : (['unlike', 'like'] as const);
      for (const which of order)
        times[which].push(await microsecondsOf(beginningLike(which === 'like' ? good : decoy, shared)));
    }
    const [like, unlike] = [summary(times.like), summary(times.unlike)];
    const t = (like.mean - unlike.mean) / Math.sqrt(like.variance / like.count + unlike.variance / unlike.count);
    const state = remembered ? 'in memory' : 'not loaded';
    console.log(
      `good key ${state}, ${shared} characters right: ${like.mean.toFixed(2)} µs, unknown ${unlike.mean.toFixed(2)} µs, t = ${t.toFixed(2)}`,
    );
  }
}
await db.destroy();
