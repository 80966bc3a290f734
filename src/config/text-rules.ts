import { isIP } from 'node:net';
import type { z } from 'zod';
import { parseCidr } from '../lib/cidr.ts';
import { isLoopbackHost } from '../lib/loopback.ts';

type Context = z.core.$RefinementCtx<unknown>;

/** Reports a problem with one value. Neither text may repeat the value: URLs and headers may hold secrets. */
export function refuse(ctx: Context, problem: string, fix: string, path: (string | number)[] = []): void {
  ctx.addIssue({ code: 'custom', message: problem, params: { fix }, path });
}

/** For `listen.host`: an IP address without brackets, or a host name. */
export function checkListenHost(text: string, ctx: Context): void {
  const isName = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text) && URL.canParse(`http://${text}`);
  if (isName || isIP(text) !== 0) return;
  refuse(
    ctx,
    'This is not a host.',
    'Write an address such as `127.0.0.1` or `::1`, without brackets, port or scheme.',
  );
}

function parseHttpUrl(text: string, ctx: Context): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    refuse(ctx, 'This is not an http(s) URL.', 'Write the whole URL, such as `https://mcp.example.com`.');
    return null;
  }
  if (url.username !== '' || url.password !== '') {
    refuse(ctx, 'A URL may not hold a user name or password.', 'Remove it; credentials belong under `auth.headers`.');
    return null;
  }
  if (text.includes('#')) {
    refuse(ctx, 'The URL has a fragment, which is never sent.', 'Remove the `#` and what follows it.');
    return null;
  }
  return url;
}

/** An http(s) URL without user, password and fragment; references are not filled in inside URLs. */
export function checkHttpUrl(text: string, ctx: Context): void {
  if (text.includes('${')) {
    refuse(
      ctx,
      'A URL cannot hold a reference.',
      'Write it out; only credentials, under `auth`, and the values of `env` may refer to `${env:…}` and `${vault:…}`.',
    );
    return;
  }
  parseHttpUrl(text, ctx);
}

/** RFC 8252 §8.3 and RFC 9728 §3: what clients are told to trust has to be https, except on their own machine. */
export function checkPublicUrl(text: string, ctx: Context): void {
  const url = parseHttpUrl(text, ctx);
  if (url === null) return;
  if (url.pathname !== '/' || text.includes('?')) {
    refuse(
      ctx,
      'The public URL has a path or a query.',
      'Give the gateway a host name (or port) of its own; it cannot live below a path of another site.',
    );
  }
  if (url.port === '0') refuse(ctx, 'Port 0 is no port to call.', 'Write the port that clients connect to.');
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    refuse(
      ctx,
      'Keys would travel in clear text over http.',
      'Use https (a reverse proxy can end TLS), or a loopback host such as `http://localhost:8420`.',
    );
  }
}

/** An issuer or one of its endpoints: https (RFC 8414 §2), except on this machine. */
export function checkIssuer(text: string, ctx: Context): void {
  const url = parseHttpUrl(text, ctx);
  if (url?.protocol !== 'http:' || isLoopbackHost(url.hostname)) return;
  refuse(ctx, 'Whoever is on the way could answer in its place over http.', 'Use https.');
}

/** RFC 6749 §3.1.2, RFC 8252 §7: https, http on loopback, or a scheme of a native app. */
export function checkRedirectUri(text: string, ctx: Context): void {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || text.includes('#') || text.includes('*')) {
    refuse(ctx, 'This is not a redirect URI.', 'Write the whole URI, without fragment and wildcard.');
  } else if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    refuse(ctx, 'A code would travel in clear text over http.', 'Use https, or a loopback address.');
  } else if (['javascript:', 'data:', 'vbscript:', 'file:', 'blob:', 'about:'].includes(url.protocol)) {
    refuse(ctx, 'Nobody can be sent back there.', 'Use https, a loopback address or the scheme of an app.');
  }
}

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?$/i;

/** `host` or `host:port`, as a client would write it into its Host header. */
export function checkAllowedHost(text: string, ctx: Context): void {
  if (text.includes('*')) {
    refuse(
      ctx,
      'Wildcards are not supported.',
      'List each host: whoever can add a name below yours could get past a wildcard.',
    );
    return;
  }
  const match = HOST.exec(text);
  const port = Number(match?.[2] ?? 443);
  if (match === null || port < 1 || port > 65_535 || !URL.canParse(`http://${text}`)) {
    refuse(
      ctx,
      'This is not a host.',
      'Write `host` or `host:port`, such as `mcp.internal:8420`, without scheme and path.',
    );
  }
}

/** A serialized origin (RFC 6454 §6.2). `null` is what sandboxed pages and local files send: anybody can be that. */
export function checkAllowedOrigin(text: string, ctx: Context): void {
  if (text === '*' || text === 'null' || text.includes('*')) {
    refuse(
      ctx,
      'An origin must be one exact site.',
      'List each as `https://app.example.com`; `*`, `null` and wildcards let any page in.',
    );
    return;
  }
  const isOrigin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s,]+$/i.test(text) && URL.canParse(text);
  if (!isOrigin) {
    refuse(
      ctx,
      'This is not a web origin.',
      'Write scheme, host and port only, such as `https://app.example.com`, without a trailing slash.',
    );
  }
}

/** One CIDR network or address. */
export function checkNetwork(text: string, ctx: Context): void {
  try {
    parseCidr(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    refuse(ctx, error.message, 'Networks are written like `10.0.0.0/8` or `2001:db8::/32`.');
  }
}
