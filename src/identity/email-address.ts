export interface EmailAddress {
  /** As it was written. */
  readonly text: string;
  /** In lower case. */
  readonly domain: string;
}

const LOCAL = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}$/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Reads an e-mail address, or null. One `@`, nothing quoted, no comments, no Unicode in the domain (IDNs come as `xn--…`):
 * what two programs could read differently, such as `a@evil@corp`, has no domain here (CVE-2026-40574).
 */
export function parseEmailAddress(text: unknown): EmailAddress | null {
  if (typeof text !== 'string' || text.length > 254) return null;
  const parts = text.split('@');
  if (parts.length !== 2 || !LOCAL.test(parts[0]!)) return null;
  const domain = parts[1]!.toLowerCase();
  return domain.split('.').every((label) => LABEL.test(label)) ? { text, domain } : null;
}
