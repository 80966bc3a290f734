import { errorCorrection } from './reed-solomon.ts';

/**
 * Error correction level M (15 %), by version from 1: codewords for correction in each block, and blocks (ISO/IEC 18004,
 * table 9). The largest holds 666 bytes, which is more than any `otpauth` URI of ours.
 */
const CORRECTION_PER_BLOCK = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];
const LEVEL_M = 0b00;
const QUIET_ZONE = 4;

type Grid = boolean[][];

/** An SVG document with a QR code of the text (ISO/IEC 18004), black on white. Null when the text is too long for one. */
export function qrCode(text: string): string | null {
  const grid = qrModules(text);
  if (grid === null) return null;
  const size = grid.length + 2 * QUIET_ZONE;
  const dark = grid.flatMap((row, y) =>
    row.flatMap((isDark, x) => (isDark ? [`M${x + QUIET_ZONE} ${y + QUIET_ZONE}h1v1h-1z`] : [])),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h${size}v${size}H0z"/><path d="${dark.join('')}"/></svg>`;
}

/** The modules, row by row, true for dark; without the quiet zone around them. */
export function qrModules(text: string): Grid | null {
  const bytes = Buffer.from(text);
  const version = BLOCKS.findIndex((_, i) => bytes.length + headerBits(i + 1) / 8 <= dataCodewords(i + 1)) + 1;
  if (version === 0) return null;
  const bits = [...interleaved(encode(bytes, version), version)].flatMap((byte) => bitsOf(byte, 8));
  const base = functionPatterns(version);
  // Any mask can be read; the one with the fewest large areas and lines is read best.
  const candidates = Array.from({ length: 8 }, (_, mask) => draw(base, version, bits, mask));
  return candidates.reduce((best, grid) => (penalty(grid) < penalty(best) ? grid : best));
}

const bitsOf = (value: number, count: number): boolean[] =>
  Array.from({ length: count }, (_, i) => ((value >>> (count - 1 - i)) & 1) === 1);

/** Mode and length. */
const headerBits = (version: number): number => 4 + (version < 10 ? 8 : 16);

function totalCodewords(version: number): number {
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const aligned = Math.floor(version / 7) + 2;
    modules -= (25 * aligned - 10) * aligned - 55;
  }
  return Math.floor((version >= 7 ? modules - 36 : modules) / 8);
}

const dataCodewords = (version: number): number =>
  totalCodewords(version) - CORRECTION_PER_BLOCK[version - 1]! * BLOCKS[version - 1]!;

/** Byte mode, terminated and padded (§7.4). */
function encode(bytes: Uint8Array, version: number): number[] {
  const capacity = dataCodewords(version);
  const bits = [...bitsOf(0b0100, 4), ...bitsOf(bytes.length, headerBits(version) - 4)];
  for (const byte of bytes) bits.push(...bitsOf(byte, 8));
  bits.push(...Array<boolean>(Math.min(4, capacity * 8 - bits.length)).fill(false));
  while (bits.length % 8 !== 0) bits.push(false);
  const codewords: number[] = [];
  for (let i = 0; i < bits.length; i += 8) {
    codewords.push(bits.slice(i, i + 8).reduce((value, bit) => value * 2 + Number(bit), 0));
  }
  for (let pad = 0xec; codewords.length < capacity; pad ^= 0xec ^ 0x11) codewords.push(pad);
  return codewords;
}

/** Blocks with their correction, one codeword of each in turn (§7.6). The last blocks may be longer by one. */
function interleaved(data: readonly number[], version: number): number[] {
  const count = BLOCKS[version - 1]!;
  const short = Math.floor(data.length / count);
  const long = data.length % count;
  const blocks: number[][] = [];
  for (let i = 0, at = 0; i < count; i++) {
    const length = short + (i >= count - long ? 1 : 0);
    blocks.push(data.slice(at, at + length));
    at += length;
  }
  const corrections = blocks.map((block) => errorCorrection(block, CORRECTION_PER_BLOCK[version - 1]!));
  const turns = (rows: readonly (readonly number[])[]): number[] =>
    Array.from({ length: Math.max(...rows.map(({ length }) => length)) }, (_, i) =>
      rows.flatMap((row) => (i < row.length ? [row[i]!] : [])),
    ).flat();
  return [...turns(blocks), ...turns(corrections)];
}

/** What is the same in every code of a version (§6.3); `undefined` where data goes. */
function functionPatterns(version: number): (boolean | undefined)[][] {
  const size = version * 4 + 17;
  const grid = Array.from({ length: size }, () => Array<boolean | undefined>(size).fill(undefined));
  const set = (x: number, y: number, dark: boolean): void => {
    if (x >= 0 && y >= 0 && x < size && y < size) grid[y]![x] = dark;
  };
  for (let i = 0; i < size; i++) {
    set(6, i, i % 2 === 0);
    set(i, 6, i % 2 === 0);
  }
  const square = (cx: number, cy: number, radius: number, light: readonly number[]): void => {
    for (let y = -radius; y <= radius; y++) {
      for (let x = -radius; x <= radius; x++) {
        set(cx + x, cy + y, !light.includes(Math.max(Math.abs(x), Math.abs(y))));
      }
    }
  };
  const centres = alignmentCentres(version);
  const last = centres.length - 1;
  for (const [i, x] of centres.entries()) {
    for (const [j, y] of centres.entries()) {
      const isCorner = (i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0);
      if (!isCorner) square(x, y, 2, [1]);
    }
  }
  for (const [x, y] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ] as const) {
    square(x, y, 4, [2, 4]);
  }
  drawFormat(grid, 0);
  if (version >= 7) drawVersion(grid, version);
  return grid;
}

function alignmentCentres(version: number): number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  const last = version * 4 + 10;
  return [6, ...Array.from({ length: count - 1 }, (_, i) => last - (count - 2 - i) * step)];
}

/** A number with its BCH remainder. */
function withRemainder(value: number, bits: number, generator: number): number {
  let rest = value;
  const top = 1 << bits;
  for (let i = 0; i < bits; i++) rest = (rest << 1) ^ ((rest & (top >> 1)) !== 0 ? generator : 0);
  return (value << bits) | (rest & (top - 1));
}

/** Level and mask, twice (§7.9), and the module that is always dark. */
function drawFormat(grid: (boolean | undefined)[][], mask: number): void {
  const size = grid.length;
  const bits = bitsOf(withRemainder((LEVEL_M << 3) | mask, 10, 0x537) ^ 0x5412, 15).reverse();
  for (const [i, dark] of bits.entries()) {
    const around = i < 6 ? i : i < 8 ? i + 1 : 14 - i;
    if (i < 8) {
      grid[around]![8] = dark;
      grid[8]![size - 1 - i] = dark;
    } else {
      grid[8]![i === 8 ? 7 : around] = dark;
      grid[size - 15 + i]![8] = dark;
    }
  }
  grid[size - 8]![8] = true;
}

/** §7.10 */
function drawVersion(grid: (boolean | undefined)[][], version: number): void {
  const bits = bitsOf(withRemainder(version, 12, 0x1f25), 18).reverse();
  for (const [i, dark] of bits.entries()) {
    const a = grid.length - 11 + (i % 3);
    const b = Math.floor(i / 3);
    grid[b]![a] = dark;
    grid[a]![b] = dark;
  }
}

const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** Data goes up and down in columns of two, from the right (§7.7.3). */
function draw(base: (boolean | undefined)[][], version: number, bits: readonly boolean[], mask: number): Grid {
  const grid = base.map((row) => [...row]);
  drawFormat(grid, mask);
  if (version >= 7) drawVersion(grid, version);
  const size = grid.length;
  let next = 0;
  for (let right = size - 1, up = true; right >= 1; right -= right === 8 ? 3 : 2, up = !up) {
    for (let i = 0; i < size; i++) {
      const y = up ? size - 1 - i : i;
      for (const x of [right, right - 1]) {
        if (base[y]![x] !== undefined) continue;
        grid[y]![x] = (bits[next++] ?? false) !== MASKS[mask]!(x, y);
      }
    }
  }
  return grid as Grid;
}

/** How hard it is to read: runs, squares and imbalance (§7.8.3, without the patterns that look like a finder). */
function penalty(grid: Grid): number {
  const size = grid.length;
  let sum = 0;
  let dark = 0;
  for (let a = 0; a < size; a++) {
    for (const at of [(b: number) => grid[a]![b], (b: number) => grid[b]![a]]) {
      for (let b = 1, run = 1; b <= size; b++) {
        if (b < size && at(b) === at(b - 1)) run++;
        else {
          if (run >= 5) sum += run - 2;
          run = 1;
        }
      }
    }
    for (let b = 0; b < size; b++) {
      if (grid[a]![b]) dark++;
      const colour = grid[a]![b];
      if (a > 0 && b > 0 && colour === grid[a - 1]![b] && colour === grid[a]![b - 1] && colour === grid[a - 1]![b - 1])
        sum += 3;
    }
  }
  return sum + Math.floor(Math.abs((dark * 20) / (size * size) - 10)) * 10;
}
