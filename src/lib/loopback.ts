import { normalizeAddress } from './cidr.ts';

/**
 * Whether a host, as it stands in a URL or in `listen.host`, names this machine alone: `localhost`, 127.0.0.0/8 or `::1`,
 * also in brackets. Nothing is resolved: another name may point to 127.0.0.1 today and elsewhere tomorrow.
 */
export function isLoopbackHost(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true;
  const bracketed = host.startsWith('[') && host.endsWith(']');
  const address = normalizeAddress(bracketed ? host.slice(1, -1) : host);
  return address !== null && (address.startsWith('127.') || address === '::1');
}
