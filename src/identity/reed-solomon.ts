/** GF(2^8) with the polynomial of QR codes, x^8 + x^4 + x^3 + x^2 + 1. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let i = 7; i >= 0; i--) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((b >>> i) & 1) * a;
  }
  return product;
}

/** The `count` error correction codewords of a block (ISO/IEC 18004 §7.5.2). */
export function errorCorrection(data: readonly number[], count: number): number[] {
  const generator = generatorOf(count);
  const rest = Array<number>(count).fill(0);
  for (const codeword of data) {
    const factor = codeword ^ rest.shift()!;
    rest.push(0);
    for (const [i, coefficient] of generator.entries()) rest[i]! ^= multiply(coefficient, factor);
  }
  return rest;
}

/** The product of (x - 2^i) for i below `degree`, highest power first, without the leading 1. */
function generatorOf(degree: number): number[] {
  const coefficients = [...Array<number>(degree - 1).fill(0), 1];
  for (let i = 0, root = 1; i < degree; i++, root = multiply(root, 2)) {
    for (let j = 0; j < degree; j++) {
      coefficients[j] = multiply(coefficients[j]!, root) ^ (coefficients[j + 1] ?? 0);
    }
  }
  return coefficients;
}
