import { fixedCidrs } from './cidr.ts';

/**
 * What the IANA special-purpose registries (RFC 6890) do not call globally reachable, and what wraps an IPv4 address
 * that would then not be looked at (NAT64, Teredo, 6to4: RFC 6052, RFC 4380, RFC 3056). Azure's 168.63.129.16 is public
 * by its number and answers every machine there.
 */
const isSpecial = fixedCidrs([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
]);

/** All that is assigned in IPv6 so far; the rest is special or nobody's. */
const isGlobalV6 = fixedCidrs(['2000::/3']);

/**
 * Whether an address is one of the public internet.
 *
 * @param address in canonical form; see normalizeAddress.
 */
export const isPublicAddress = (address: string): boolean =>
  !isSpecial(address) && (!address.includes(':') || isGlobalV6(address));
