import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { normalizeAddress } from './cidr.ts';
import { isForbiddenAddress } from './forbidden-addresses.ts';

type Callback = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[] | string, family?: number) => void;

/**
 * `dns.lookup` for connections to upstreams. Every address of the name is checked, and the connection goes to a checked
 * one: a name that points to a metadata service, always or only at the second look (rebinding), leads nowhere. Fails with
 * the code `EFORBIDDEN`. Addresses written as such in a URL are not looked up; check those with isForbiddenAddress.
 */
export function guardedLookup(hostname: string, options: LookupOptions, callback: Callback): void {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, '');
    const forbidden = addresses.find(({ address }) => isForbiddenAddress(normalizeAddress(address) ?? address));
    if (forbidden !== undefined) {
      const refusal = new Error(`${hostname} resolves to ${forbidden.address}, which is never an MCP server.`);
      return callback(Object.assign(refusal, { code: 'EFORBIDDEN' }), '');
    }
    if (options.all === true) callback(null, addresses);
    else callback(null, addresses[0]!.address, addresses[0]!.family);
  });
}
