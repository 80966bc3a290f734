/**
 * The headers of every page. A page is markup and one stylesheet of ours: no script, no inline style, no frame around it
 * (RFC 9700 §4.16), no form that leaves this origin, no copy in a cache.
 *
 * `form-action` also governs where the answer to a form redirects to, in some browsers. An answer to a form that leads to
 * another origin must therefore be a page of its own (`continuePage`), not a redirect.
 *
 * `Referrer-Policy: same-origin` keeps our URLs from others and still lets forms carry their `Origin`, which `no-referrer`
 * turns into `null`. There is no Cross-Origin-Opener-Policy: clients that open us in a popup wait for it to come back.
 */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'x-robots-tag': 'noindex, nofollow',
  'cache-control': 'no-store',
};
