import { createTally, type LoadResult } from './load-result.ts';
import { type Grant, refresh } from './sign-in-client.ts';

/** One client for each grant refreshes as soon as it has the answer to the one before. */
export async function runRefreshLoop(
  origin: string,
  grants: readonly Grant[],
  durationMs: number,
): Promise<{ result: LoadResult; grants: Grant[] }> {
  const tally = createTally(200);
  const until = tally.startedAt + durationMs;
  const last = await Promise.all(
    grants.map(async (first) => {
      let current = first;
      while (performance.now() < until) {
        const from = performance.now();
        const answer = await refresh(origin, current);
        tally.add(answer.status, true, from);
        current = answer.grant;
      }
      return current;
    }),
  );
  return { result: tally.result(), grants: last };
}

export interface Race {
  /** From the first request to the last answer. */
  readonly wallMs: number;
  /** Answered with 200. */
  readonly answered: number;
  /** Different refresh tokens among the answers. */
  readonly successors: number;
  /** What one of them got. */
  readonly grant: Grant;
}

/** That many requests at the same instant with one and the same refresh token. */
export async function raceRefreshes(origin: string, grant: Grant, count: number): Promise<Race> {
  const from = performance.now();
  const answers = await Promise.all(Array.from({ length: count }, () => refresh(origin, grant)));
  const wallMs = performance.now() - from;
  const good = answers.filter(({ status }) => status === 200);
  const successors = new Set(good.map((answer) => answer.grant.refreshToken));
  return { wallMs, answered: good.length, successors: successors.size, grant: good[0]?.grant ?? grant };
}
