import { isLoopbackHost } from '../../../lib/loopback.ts';
import type { UpstreamOauth } from '../../../model/upstream.ts';

/**
 * A URL that an upstream or a provider named, if a request or a browser may be sent there: https, or http on this machine
 * where the reach is `loopback`. No other scheme ever (CVE-2025-6514), no user information, no fragment. Which addresses
 * may be behind it is for the guarded fetch to see.
 */
export function allowedEndpoint(text: string, reach: UpstreamOauth['reach']): URL | null {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return null;
  if (url.protocol === 'https:') return url;
  return url.protocol === 'http:' && reach === 'loopback' && isLoopbackHost(url.hostname) ? url : null;
}
