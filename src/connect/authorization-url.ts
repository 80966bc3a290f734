import { AppError } from '../errors/app-error.ts';

/** Host names (of IDNs the ASCII form), IPv4, and IPv6 in brackets: what the URL parser lets through beside is no host of anybody. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.?|\[[0-9a-f:.]+\])$/;

/**
 * What a path and a query are made of when nobody tries anything: RFC 3986 without the characters that a shell, a template
 * or a terminal acts on. All parameters of ours are percent-encoded anyway.
 */
const HARMLESS = /^[A-Za-z0-9._~:/?&=+,@%*-]*$/;

/**
 * Lets an authorization URL through that a person may be sent to. The endpoint in it is a stranger's text: other schemes act
 * in the browser (`javascript:`, `file:`), credentials and odd hosts make it look like another place, and `$(…)` was
 * executed by clients that gave such URLs to a shell (CVE-2025-6514). Nothing of a refused one is shown or linked.
 *
 * @throws AppError `connect_failed`
 */
export function requireBrowserUrl(url: URL): URL {
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:';
  const isPlain = url.username === '' && url.password === '' && HOST.test(url.hostname);
  if (isWeb && isPlain && HARMLESS.test(url.pathname + url.search) && url.hash === '') return url;
  throw refusal(url.href);
}

/**
 * The same for the host that a person is asked about, before there is an URL.
 *
 * @param host with its port, if it has one
 * @throws AppError `connect_failed`
 */
export function requireBrowserHost(host: string): string {
  if (HOST.test(host.replace(/:\d{1,5}$/, ''))) return host;
  throw refusal(host);
}

const refusal = (what: string): AppError =>
  new AppError('connect_failed', 'The address at which the other service asks people to sign in is not acceptable.', {
    cause: new Error(`authorization_endpoint refused: ${JSON.stringify(what.slice(0, 300))}`),
  });
