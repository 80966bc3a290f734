import { fixedCidrs } from './cidr.ts';

/**
 * Addresses that are never an MCP server: the metadata services of clouds, which hand out credentials to whoever asks from
 * the machine, and what is no single host. The last three embed an IPv4 address (RFC 6052, RFC 3056, RFC 4291 §2.5.5.1).
 */
const isInForbiddenNetwork = fixedCidrs([
  '0.0.0.0/8',
  '169.254.0.0/16',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  'fe80::/10',
  'ff00::/8',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
  '64:ff9b::/96',
  '2002::/16',
  '::/96',
]);

/** @param address in canonical form; see normalizeAddress. */
export const isForbiddenAddress = (address: string): boolean => address !== '::1' && isInForbiddenNetwork(address);
