/**
 * Joins texts so that no two different lists give the same bytes: each one stands behind its UTF-8 length as 32 bits,
 * big endian. For what is authenticated or hashed as a whole (`a|b` + `c` must differ from `a` + `b|c`).
 */
export function lengthPrefixed(parts: readonly string[]): Buffer {
  const chunks: Buffer[] = [];
  for (const part of parts) {
    const bytes = Buffer.from(part, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    chunks.push(length, bytes);
  }
  return Buffer.concat(chunks);
}
