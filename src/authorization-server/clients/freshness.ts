const MIN_MS = 5 * 60_000;
const DEFAULT_MS = 3_600_000;
const MAX_MS = 86_400_000;

/** How long a document may be used without asking again: as its server says (RFC 9111 §5), between 5 minutes and a day. */
export function freshForMs(headers: Headers, now: number): number {
  const control = headers.get('cache-control') ?? '';
  if (/(?:^|,)\s*no-(?:store|cache)\b/i.test(control)) return MIN_MS;
  const maxAge = /(?:^|,)\s*max-age\s*=\s*"?(\d{1,10})/i.exec(control)?.[1];
  const expires = Date.parse(headers.get('expires') ?? '');
  const said = maxAge !== undefined ? Number(maxAge) * 1000 : Number.isNaN(expires) ? DEFAULT_MS : expires - now;
  return Math.min(MAX_MS, Math.max(MIN_MS, said));
}
