/** A place in a text: the bytes from `start` up to, not including, `end`. */
export interface Match {
  readonly start: number;
  readonly end: number;
}

/** Finds secrets in what streams by. */
export interface SecretFinder {
  /** The first match that starts at `from` or later; of those that start at the same place, the longest. */
  find(bytes: Buffer, from: number): Match | undefined;
  /** Where the bytes after `from` may be the beginning of a secret that goes on behind their end; their end when nowhere. */
  openEnd(bytes: Buffer, from: number): number;
}

/** A jump is kept in one byte. Longer ones would hardly save anything. */
const MAX_WINDOW = 256;
const SLOTS = 2048;
const slotOf = (byte: number, next: number): number => ((byte << 5) ^ next) & (SLOTS - 1);

/** What is known of a byte, behind the jumps: that it stands in a text before its end, that a text begins with it. */
const INNER = 1;
const FIRST = 2;
const BYTES = 256;

/**
 * Looks for several texts at once in one pass (Wu and Manber, 1994): a window as long as the shortest text slides along,
 * and its last two bytes say how far it may jump. Most bytes are never read.
 *
 * There is one for each token in use, so all that it holds is in one piece of memory of just the right size. (A buffer that
 * is made from a text can keep a whole page of other buffers alive.)
 */
export class SecretSearch implements SecretFinder {
  /** What is looked for, the longest first. None is shorter than two bytes. */
  readonly texts: readonly Buffer[];
  readonly #window: number;
  /** How far the window may move, by its last two bytes (pairs that share a slot share the shorter way); then the bytes. */
  readonly #table: Buffer;

  constructor(texts: readonly Buffer[]) {
    const sorted = [...texts].sort((a, b) => b.length - a.length);
    const table = Buffer.alloc(sorted.reduce((sum, { length }) => sum + length, SLOTS + BYTES));
    let end = SLOTS + BYTES;
    this.texts = sorted.map((text) => {
      const start = end;
      end += text.copy(table, start);
      return table.subarray(start, end);
    });
    this.#table = table;
    this.#window = Math.min(sorted.at(-1)!.length, MAX_WINDOW);
    table.fill(this.#window - 1, 0, SLOTS);
    for (const text of this.texts) {
      for (let i = 1; i < this.#window; i++) {
        const slot = slotOf(text[i - 1]!, text[i]!);
        table[slot] = Math.min(table[slot]!, this.#window - 1 - i);
      }
      for (const byte of text.subarray(0, -1)) table[SLOTS + byte]! |= INNER;
      table[SLOTS + text[0]!]! |= FIRST;
    }
  }

  find(bytes: Buffer, from: number): Match | undefined {
    const window = this.#window;
    const jumps = this.#table;
    for (let end = from + window; end <= bytes.length; ) {
      const jump = jumps[slotOf(bytes[end - 2]!, bytes[end - 1]!)]!;
      if (jump > 0) {
        end += jump;
        continue;
      }
      const start = end - window;
      const text = this.texts.find((text) => startsWith(bytes, start, text));
      if (text !== undefined) return { start, end: start + text.length };
      end++;
    }
    return undefined;
  }

  openEnd(bytes: Buffer, from: number): number {
    const { length } = bytes;
    // A whole JSON document ends in a bracket, which hardly any secret contains.
    if (length === from || (this.#table[SLOTS + bytes[length - 1]!]! & INNER) === 0) return length;
    for (let at = Math.max(from, length - this.texts[0]!.length + 1); at < length; at++) {
      if ((this.#table[SLOTS + bytes[at]!]! & FIRST) === 0) continue;
      const rest = bytes.subarray(at);
      if (this.texts.some((text) => text.length > rest.length && startsWith(text, 0, rest))) return at;
    }
    return length;
  }
}

function startsWith(bytes: Buffer, at: number, text: Buffer): boolean {
  return at + text.length <= bytes.length && bytes.compare(text, 0, text.length, at, at + text.length) === 0;
}
