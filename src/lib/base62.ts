const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The number in base 62, padded with zeros to `width` characters. Throws when it needs more. */
export function base62(value: bigint, width: number): string {
  let text = '';
  for (let rest = value; rest > 0n; rest /= 62n) text = DIGITS[Number(rest % 62n)] + text;
  if (text.length > width) throw new RangeError(`The number does not fit into ${width} base-62 digits.`);
  return text.padStart(width, '0');
}
