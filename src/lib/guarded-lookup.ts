import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { normalizeAddress } from './cidr.ts';
import { isForbiddenAddress } from './forbidden-addresses.ts';

type Callback = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[] | string, family?: number) => void;

/** As `dns.lookup` is called by `net.connect`. */
export type Lookup = (hostname: string, options: LookupOptions, callback: Callback) => void;

/**
 * A lookup for connections. Every address of the name is checked, and the connection goes to a checked one: a name that
 * points to a refused address, always or only at the second look (rebinding), leads nowhere. Fails with the code
 * `EFORBIDDEN`. Addresses written as such in a URL are not looked up: check those before.
 *
 * @param refuses gets addresses in canonical form; see normalizeAddress. What is no address is refused without asking.
 */
export function guardLookup(refuses: (address: string) => boolean, resolve: Lookup = lookup as Lookup): Lookup {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, '');
      const addresses = found as LookupAddress[];
      const refused = addresses.find(({ address }) => {
        const canonical = normalizeAddress(address);
        return canonical === null || refuses(canonical);
      });
      if (refused !== undefined || addresses.length === 0) {
        const refusal = new Error(
          `${hostname} resolves to ${refused?.address ?? 'nothing'}, which is not connected to.`,
        );
        return callback(Object.assign(refusal, { code: 'EFORBIDDEN' }), '');
      }
      if (options.all === true) callback(null, addresses);
      else callback(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
}

/** For connections to upstreams: leads to no metadata service, and to nothing else that is never an MCP server. */
export const guardedLookup: Lookup = guardLookup(isForbiddenAddress);
