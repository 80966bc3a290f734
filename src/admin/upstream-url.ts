import { hasCredentialInQuery } from '../http/presented-credential.ts';
import { fixedCidrs, normalizeAddress } from '../lib/cidr.ts';
import { isForbiddenAddress } from '../lib/forbidden-addresses.ts';
import { isLoopbackHost } from '../lib/loopback.ts';

/** RFC 1918, RFC 4193, RFC 6598 and loopback. */
const isPrivate = fixedCidrs([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  'fc00::/7',
  '::1/128',
]);

const METADATA_NAMES = new Set(['metadata', 'metadata.google.internal', 'instance-data', 'instance-data.ec2.internal']);

/**
 * Why an address may not be declared as an upstream over the API, or null. https; or http to an address of this machine
 * or a private network, given as an address or `localhost`: what another name points to can change, and the credential
 * would travel in the clear. No user name or password, no fragment.
 *
 * It looks at the URL alone and resolves nothing. A name that points to a forbidden address passes here and
 * fails when it is connected to (lib/guarded-lookup.ts).
 */
export function upstreamUrlFault(text: string): string | null {
  if (!URL.canParse(text)) return 'This is not a URL. Write the whole of it, such as `https://mcp.example.com/mcp`.';
  // The WHATWG parser gives numeric hosts in all their spellings (`0x7f.1`, `2130706433`) as one dotted address.
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'Only https and http can be called.';
  if (url.username !== '' || url.password !== '') {
    return 'A URL may not hold a user name or password. Remove it; credentials are stored with `PUT /upstreams/{name}/credential`.';
  }
  if (hasCredentialInQuery(text)) {
    return 'The query looks as if it held a credential, which everybody who may list upstreams would read. Use `auth: headers`.';
  }
  if (text.includes('#')) return 'Remove the `#` and what follows it; it is never sent.';
  if (text.includes('${')) return 'Write the URL out: references are not filled in here.';
  const host = url.hostname.toLowerCase().replace(/\.$/, '');
  const address = normalizeAddress(host.replace(/^\[|\]$/g, ''));
  if (METADATA_NAMES.has(host) || (address !== null && isForbiddenAddress(address))) {
    return 'This is an address of a cloud metadata service, a link-local address or no single host; it cannot be an upstream.';
  }
  if (url.protocol === 'https:' || isLoopbackHost(host) || (address !== null && isPrivate(address))) return null;
  return 'Use https. Plain http is allowed only to a loopback or private address (`http://127.0.0.1:3000`, `http://10.0.0.5`), or from the configuration file.';
}
