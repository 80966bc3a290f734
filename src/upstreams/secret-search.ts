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

const SLOTS = 4096;
const slotOf = (byte: number, next: number): number => ((byte << 5) ^ next) & (SLOTS - 1);

/**
 * Looks for several texts at once in one pass (Wu and Manber, 1994): a window as long as the shortest text slides along,
 * and its last two bytes say how far it may jump. Most bytes are never read.
 */
export class SecretSearch implements SecretFinder {
  /** What is looked for, the longest first. None is shorter than two bytes. */
  readonly texts: readonly Buffer[];
  readonly #window: number;
  /** How far the window may move, by its last two bytes; pairs that share a slot share the shorter way. */
  readonly #jumps: Uint16Array;
  /** 1 for every byte that stands in one of the texts before its end. */
  readonly #inner = new Uint8Array(256);
  /** 1 for every byte that one of the texts begins with. */
  readonly #first = new Uint8Array(256);

  constructor(texts: readonly Buffer[]) {
    this.texts = [...texts].sort((a, b) => b.length - a.length);
    this.#window = Math.min(...texts.map(({ length }) => length), 0xffff);
    this.#jumps = new Uint16Array(SLOTS).fill(this.#window - 1);
    for (const text of texts) {
      for (let i = 1; i < this.#window; i++) {
        const slot = slotOf(text[i - 1]!, text[i]!);
        this.#jumps[slot] = Math.min(this.#jumps[slot]!, this.#window - 1 - i);
      }
      for (const byte of text.subarray(0, -1)) this.#inner[byte] = 1;
      this.#first[text[0]!] = 1;
    }
  }

  find(bytes: Buffer, from: number): Match | undefined {
    const window = this.#window;
    const jumps = this.#jumps;
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
    if (length === from || this.#inner[bytes[length - 1]!] === 0) return length;
    for (let at = Math.max(from, length - this.texts[0]!.length + 1); at < length; at++) {
      if (this.#first[bytes[at]!] === 0) continue;
      const rest = bytes.subarray(at);
      if (this.texts.some((text) => text.length > rest.length && startsWith(text, 0, rest))) return at;
    }
    return length;
  }
}

function startsWith(bytes: Buffer, at: number, text: Buffer): boolean {
  return at + text.length <= bytes.length && bytes.compare(text, 0, text.length, at, at + text.length) === 0;
}
