/** Longer words are not typed by hand; the distance is quadratic. */
const MAX_LENGTH = 64;

/**
 * The candidate that `word` was probably meant to be, or null when none is near. Case, `-`, `_` and `.` do not count, so
 * that `max_concurrent` finds `maxConcurrent`; then one edit in three letters (at most three) is forgiven, where an edit is
 * a letter added, dropped, changed or swapped with its neighbour. Of equally near candidates the first wins.
 */
export function closestMatch(word: string, candidates: Iterable<string>): string | null {
  const wanted = bare(word);
  if (wanted === '' || wanted.length > MAX_LENGTH) return null;
  const tolerance = Math.min(3, Math.max(1, Math.floor(wanted.length / 3)));
  let best: string | null = null;
  let bestDistance = tolerance + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, bare(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

const bare = (text: string): string => text.toLowerCase().replaceAll(/[-_.]/g, '');

/** Optimal string alignment: Levenshtein's distance, with the swap of two neighbours as one edit. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let distance = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + change);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) distance = Math.min(distance, beforeLast[j - 2]! + 1);
      row.push(distance);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
