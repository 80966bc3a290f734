import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { AppError } from '../errors/app-error.ts';
import { createLimiter } from '../lib/limiter.ts';

/** OWASP's first choice for scrypt: 128 MiB and about a third of a second each. */
const LOG_N = 17;
const BLOCK_SIZE = 8;
const PARALLELISM = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** What other settings a stored hash may have, should the ones above change: no more memory than 256 MiB. */
const MAX_LOG_N = 18;

/**
 * One core is left to the calls, and the memory stays small: with many sign-ins at once each waits for its turn. What would
 * wait for longer than anybody does is refused instead.
 */
const limit = createLimiter(Math.max(1, Math.min(2, availableParallelism() - 1)));
const MAX_WAITING = 64;
let waiting = 0;

/** `$scrypt$ln=17,r=8,p=1$salt$hash`, base64 without padding (the PHC string format). */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, salt, { logN: LOG_N, r: BLOCK_SIZE, p: PARALLELISM });
  return `$scrypt$ln=${LOG_N},r=${BLOCK_SIZE},p=${PARALLELISM}$${encode(salt)}$${encode(key)}`;
}

/** Null stands for an account without a password, or no account: that costs the same, and is never right. */
export async function verifyPassword(password: string, stored: string | null): Promise<boolean> {
  const parsed = stored === null ? null : parse(stored);
  const { salt, hash, ...cost } = parsed ?? NOBODY;
  const key = await derive(password, salt, cost);
  return timingSafeEqual(key, hash) && parsed !== null;
}

interface Cost {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

const NOBODY = {
  logN: LOG_N,
  r: BLOCK_SIZE,
  p: PARALLELISM,
  salt: randomBytes(SALT_BYTES),
  hash: randomBytes(HASH_BYTES),
};

async function derive(password: string, salt: Uint8Array, { logN, r, p }: Cost): Promise<Buffer> {
  if (waiting >= MAX_WAITING) {
    throw new AppError('overloaded', 'Too many people are signing in at this moment. Try again in a minute.');
  }
  // The same password typed on two keyboards may be composed differently (NIST SP 800-63B §5.1.1.2).
  const text = password.normalize('NFKC');
  const options: ScryptOptions = { N: 2 ** logN, r, p, maxmem: 256 * r * 2 ** logN };
  waiting++;
  try {
    return await limit(
      () =>
        new Promise((resolve, reject) => {
          scrypt(text, salt, HASH_BYTES, options, (error, key) => (error ? reject(error) : resolve(key)));
        }),
    );
  } finally {
    waiting--;
  }
}

function parse(stored: string): (Cost & { salt: Buffer; hash: Buffer }) | null {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{22,})\$([A-Za-z0-9+/]{43})$/.exec(stored);
  if (match === null) return null;
  const [logN, r, p] = match.slice(1, 4).map(Number) as [number, number, number];
  if (logN > MAX_LOG_N || r > BLOCK_SIZE || p > PARALLELISM || logN * r * p === 0) return null;
  return { logN, r, p, salt: Buffer.from(match[4]!, 'base64'), hash: Buffer.from(match[5]!, 'base64') };
}

const encode = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
