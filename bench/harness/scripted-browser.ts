export interface Page {
  readonly url: string;
  readonly text: string;
}

const MAX_STEPS = 12;
const HIDDEN = /<input type="hidden" name="([^"]+)" value="([^"]*)"/g;

/**
 * What a person would do with a browser: cookies, redirects, forms. It stays on the gateway, and where it would leave it,
 * that is the page it ends at.
 */
export class ScriptedBrowser {
  readonly #origin: string;
  readonly #headers: Readonly<Record<string, string>>;
  /** By name and path. */
  readonly #cookies = new Map<string, { pair: string; path: string }>();

  /** @param address where it seems to come from, for a gateway that believes `X-Forwarded-For`. */
  constructor(origin: string, address?: string) {
    this.#origin = origin;
    this.#headers = { accept: 'text/html', ...(address !== undefined && { 'x-forwarded-for': address }) };
  }

  async open(href: string): Promise<Page> {
    return this.#follow(await this.#request(href));
  }

  /** Sends the form of a page, with these fields beside the hidden ones. Throws when there is none. */
  async submit(page: Page, fields: Readonly<Record<string, string>>): Promise<Page> {
    const action = /<form method="post" action="([^"]+)"/.exec(page.text)?.[1]?.replaceAll('&amp;', '&');
    if (action === undefined) throw new Error(`No form on ${page.url}: ${page.text.slice(0, 500)}`);
    const body = new URLSearchParams();
    for (const [, name, value] of page.text.matchAll(HIDDEN)) body.set(name!, value!);
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    const url = new URL(action, page.url).href;
    return this.#follow(await this.#request(url, { method: 'POST', body, headers: { origin: this.#origin } }));
  }

  async #request(href: string, init: RequestInit = {}): Promise<Page & { next: string | null }> {
    const url = new URL(href, this.#origin);
    const isFor = (path: string) => path === '/' || url.pathname === path || url.pathname.startsWith(`${path}/`);
    const cookie = [...this.#cookies.values()].filter(({ path }) => isFor(path)).map(({ pair }) => pair);
    const headers = { ...this.#headers, ...init.headers, ...(cookie.length > 0 && { cookie: cookie.join('; ') }) };
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    const text = await response.text();
    const refresh = /http-equiv="refresh" content="0; url=([^"]+)"/.exec(text)?.[1]?.replaceAll('&amp;', '&');
    const location = response.status < 400 ? (response.headers.get('location') ?? refresh) : undefined;
    return { url: url.href, text, next: location === undefined ? null : new URL(location, url).href };
  }

  #keep(line: string): void {
    const pair = line.split(';', 1)[0]!;
    const path = /; *path=([^;]*)/i.exec(line)?.[1] ?? '/';
    const key = `${pair.split('=', 1)[0]} ${path}`;
    if (/; *max-age=0(?:;|$)|expires=[^;]*1970/i.test(line)) this.#cookies.delete(key);
    else this.#cookies.set(key, { pair, path });
  }

  async #follow(first: Page & { next: string | null }): Promise<Page> {
    let page = first;
    for (let step = 0; step < MAX_STEPS; step++) {
      if (page.next === null) return page;
      if (new URL(page.next).origin !== this.#origin) return { ...page, url: page.next };
      page = await this.#request(page.next);
    }
    throw new Error(`Redirected without end, at last to ${page.url}`);
  }
}
